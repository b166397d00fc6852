"""Refunds and their statements; a state is only ever written to a row that the caller has locked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from refund.adapters import refundables
from refund.adapters.tables import refund, refund_request
from refund.domain.machine import RELEASED, State
from refund.domain.refund import Case, Refund
from shared.db import Transaction
from shared.observability.trace import current_trace
from shared.references import reference_of

if TYPE_CHECKING:
    from asyncpg import Record

_FIELDS = tuple(Refund.__dataclass_fields__)
_COLUMNS = [refund.c[field] for field in _FIELDS] + [refund.c.provider_outcome]

# A stage of processing is what the provider has said.
_OUTCOMES = {State.POSTING: "refunded", State.VOIDING: "refused"}
_STAGES = {outcome: stage for stage, outcome in _OUTCOMES.items()}


async def insert_refund(tx: Transaction, values: dict[str, Any], due_in: float | None) -> Refund | None:
    """The new refund, or None when its id is taken. ``values`` holds all but the reference and the times."""
    trace = current_trace()
    rows = await tx.run(
        insert(refund)
        .values(
            **values,
            reference=reference_of("REF", values["id"]),
            due_at=_due(due_in),
            correlation_id=trace.correlation_id if trace else None,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(*_COLUMNS)
    )
    return _of(rows[0]) if rows else None


async def find(tx: Transaction, refund_id: UUID) -> Refund | None:
    return await _one(tx, refund.c.id == refund_id)


async def find_by_transfer(tx: Transaction, transfer_id: UUID) -> Refund | None:
    """A refund to the balance that is booked under this id."""
    return await _one(tx, refund.c.transfer_id == transfer_id, refund.c.kind == "credit")


async def find_by_compensation(tx: Transaction, transfer_id: UUID) -> Refund | None:
    return await _one(tx, refund.c.compensation_transfer_id == transfer_id)


async def find_active(tx: Transaction, verification_id: UUID) -> Refund | None:
    """The one refund of this verification that has neither failed nor been cancelled."""
    return await _one(tx, refund.c.verification_id == verification_id, refund.c.state.not_in(RELEASED))


async def lock(tx: Transaction, refund_id: UUID) -> Case | None:
    """What it gives back from first, then the refund: everyone takes the two in this order."""
    seen = await find(tx, refund_id)
    if seen is None:
        return None
    refundable = await refundables.lock(tx, seen.refundable_id)
    rows = await tx.run(sa.select(*_COLUMNS).where(refund.c.id == refund_id).with_for_update())
    assert refundable is not None
    return Case(_of(rows[0]), refundable)


async def locked(tx: Transaction, refund_id: UUID) -> Case:
    """As ``lock``, of a refund that is known to exist: refunds are never deleted."""
    case = await lock(tx, refund_id)
    assert case is not None
    return case


async def change(
    tx: Transaction, refund_id: UUID, state: State, due_in: float | None, **facts: Any
) -> Refund:
    """The locked refund in its new state; ``due_in`` seconds (None: never) it is looked at again."""
    if state in _OUTCOMES:
        facts["provider_outcome"] = _OUTCOMES[state]
        state = State.PROCESSING
    rows = await tx.run(
        sa.update(refund)
        .where(refund.c.id == refund_id)
        .values(state=state.value, attempts=0, due_at=_due(due_in), updated_at=sa.func.now(), **facts)
        .returning(*_COLUMNS)
    )
    return _of(rows[0])


async def put_off(tx: Transaction, refund_id: UUID, due_in: float | None, attempts: int) -> None:
    """Nothing has come of it; when to look again."""
    await tx.run(
        sa.update(refund).where(refund.c.id == refund_id).values(due_at=_due(due_in), attempts=attempts)
    )


async def lock_request(tx: Transaction, request_id: UUID) -> None:
    """One request with this id at a time: it may name another payment, whose lock does not keep it away."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(request_id))


async def insert_request(tx: Transaction, request_id: UUID, fingerprint: str, refund_id: UUID) -> None:
    """Remember which refund a request was answered with; it is locked."""
    await tx.run(insert(refund_request).values(id=request_id, fingerprint=fingerprint, refund_id=refund_id))


async def find_request(tx: Transaction, request_id: UUID) -> tuple[str, UUID] | None:
    """The fingerprint and the refund's id."""
    rows = await tx.run(sa.select(refund_request).where(refund_request.c.id == request_id))
    return (rows[0]["fingerprint"], rows[0]["refund_id"]) if rows else None


async def history(
    tx: Transaction,
    *,
    user_id: str | None,
    state: str | None,
    stuck_after: int | None,
    hidden: bool,
    before: int | None,
    limit: int,
) -> list[Record]:
    """Newest first. ``stuck_after``: only those that so many looks did not end. ``hidden``: with those that
    nobody but operators knows of.
    """
    statement = sa.select(*_COLUMNS).order_by(refund.c.number.desc()).limit(limit)
    if user_id is not None:
        statement = statement.where(refund.c.user_id == user_id)
    if state is not None:
        statement = statement.where(refund.c.state == state)
    if stuck_after is not None:
        statement = statement.where(*_stuck(stuck_after))
    if not hidden:
        statement = statement.where(refund.c.state != State.HOLDING.value)
    if before is not None:
        statement = statement.where(refund.c.number < before)
    return await tx.run(statement)


async def count_stuck(tx: Transaction, stuck_after: int) -> int:
    rows = await tx.run(sa.select(sa.func.count()).select_from(refund).where(*_stuck(stuck_after)))
    return int(rows[0][0])


def _stuck(after: int) -> tuple[sa.ColumnElement[bool], ...]:
    return refund.c.due_at.is_not(None), refund.c.attempts >= after


def of_row(row: Record) -> Refund:
    return _of(row)


async def _one(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> Refund | None:
    rows = await tx.run(sa.select(*_COLUMNS).where(*conditions))
    return _of(rows[0]) if rows else None


def _of(row: Record) -> Refund:
    fields = dict(row)
    outcome, state = fields.pop("provider_outcome"), State(fields["state"])
    if state is State.PROCESSING and outcome is not None:
        state = _STAGES[outcome]
    return Refund(**{**fields, "state": state})


def _due(due_in: float | None) -> sa.ColumnElement[Any]:
    if due_in is None:
        return sa.null()
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, due_in)
