"""Every movement of money, each one call of one SQL function: one round trip, one commit, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from credit.domain.commands import AddCredits, DeductCredits, PlaceHold, PostHold, VoidHold
from credit.domain.errors import ClaimedMeanwhile, KeyInFlight, KeyReused
from credit.domain.system_accounts import REVENUE, funded_by
from shared.db import Transaction
from shared.observability.trace import current_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from asyncpg import Record


def _call(function: str, arguments: int) -> str:
    places = ", ".join(f"${n}" for n in range(1, arguments + 1))
    return f"SELECT * FROM {function}({places})"  # noqa: S608  # Both are our own constants.


_MOVE = _call("move_credits", 19)
_DEDUCT_MANY = _call("deduct_many", 17)
_PLACE = _call("place_hold", 18)
_POST = _call("post_hold", 11)
_VOID = _call("void_hold", 9)
_EXPIRE = _call("expire_holds", 2)

# Violated only by the same transfer, hold or key at the same moment; any other violation is a defect.
_CLAIMS = frozenset({"transfer_pkey", "hold_pkey", "idempotency_key_pkey"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The stored answer, a rejection included, and the events to publish once it is committed.

    ``answer`` is the row of the transfer or hold, or ``{"code": …}`` of a rejection.
    """

    status: int
    answer: Mapping[str, object]
    events: Sequence[Record]

    @property
    def rejected(self) -> bool:
        return self.status >= 400


Decided: TypeAlias = Outcome | KeyReused | KeyInFlight


async def add(tx: Transaction, command: AddCredits) -> Outcome:
    """Raises KeyReused, KeyInFlight or ClaimedMeanwhile, as every function here does."""
    return await _outcome(
        tx,
        _MOVE,
        *_intent(command),
        command.transfer_id or command.intent.transfer_id,
        "addition",
        command.user_id,
        command.money.currency,
        command.money.minor,
        funded_by(command.source),
        command.source,
        command.reason,
        None,
        command.reference,
        None,
        uuid7(),
        uuid7(),
        *_trace(),
        _causation(),
    )


class Deduction(NamedTuple):
    """A deduction as the database is told of it, with the trace of whoever asked for it."""

    scope: str
    key: str
    fingerprint: str
    transfer_id: UUID
    user_id: str
    currency: str
    amount_minor: int
    reason: str
    service: str | None
    reference: str | None
    link: str | None
    event_id: UUID
    warning_id: UUID
    traceparent: str | None
    correlation_id: str | None
    causation_id: str | None

    @classmethod
    def of(cls, command: DeductCredits) -> Deduction:
        return cls(
            *_intent(command),
            command.transfer_id or command.intent.transfer_id,
            command.user_id,
            command.money.currency,
            command.money.minor,
            command.reason,
            command.service,
            command.reference,
            command.link,
            uuid7(),
            uuid7(),
            *_trace(),
            _causation(),
        )


async def deduct(tx: Transaction, deduction: Deduction) -> Outcome:
    intent, wanted, what, trace = deduction[:4], deduction[4:7], deduction[7:11], deduction[11:]
    return await _outcome(tx, _MOVE, *intent, "deduction", *wanted, REVENUE, None, *what, *trace)


async def deduct_many(tx: Transaction, deductions: Sequence[Deduction]) -> list[Decided]:
    """What becomes of each, in their order; no two have the same key or transfer.

    Raises asyncpg.PostgresError when one of them is in the way of all: then nothing has become of any.
    """
    columns = [list(column) for column in zip(*deductions, strict=True)]
    rows = await tx.fetch(_DEDUCT_MANY, REVENUE, *columns)
    places = groupby(sorted(rows, key=itemgetter("place")), itemgetter("place"))
    return [_decided(of_one) for _, of_one in places]


async def place(tx: Transaction, command: PlaceHold) -> Outcome:
    return await _outcome(
        tx,
        _PLACE,
        *_intent(command),
        command.intent.transfer_id,  # The hold's id: one key, one hold.
        command.user_id,
        command.money.currency,
        command.money.minor,
        command.reason,
        command.service,
        command.reference,
        command.link,
        command.placed_by,
        command.expires_in_seconds,
        uuid7(),
        uuid7(),
        *_trace(),
        _causation(),
    )


async def post(tx: Transaction, command: PostHold) -> Outcome:
    return await _outcome(
        tx,
        _POST,
        *_intent(command),
        command.hold_id,
        command.caller,
        command.any_user,
        command.transfer_id,
        REVENUE,
        uuid7(),
        *_trace(),
    )


async def void(tx: Transaction, command: VoidHold) -> Outcome:
    return await _outcome(
        tx, _VOID, *_intent(command), command.hold_id, command.caller, command.any_user, uuid7(), *_trace()
    )


async def expire(tx: Transaction, at_most: int) -> Sequence[Record]:
    """Release holds whose time is over; returns their events, one for each."""
    event_ids: list[UUID] = [uuid7() for _ in range(at_most)]
    return await tx.fetch(_EXPIRE, event_ids, _trace()[0])


async def _outcome(tx: Transaction, sql: str, *arguments: object) -> Outcome:
    try:
        rows = await tx.fetch(sql, *arguments)
    except asyncpg.UniqueViolationError as violation:
        if violation.constraint_name in _CLAIMS:
            raise ClaimedMeanwhile(violation.constraint_name) from None
        raise
    decided = _decided(rows)
    if isinstance(decided, Outcome):
        return decided
    raise decided


def _decided(found: Iterable[Record]) -> Decided:
    rows = list(found)
    first = rows[0]
    if first["verdict"] == "reused":
        return KeyReused()
    if first["verdict"] == "in_flight":
        return KeyInFlight()
    return Outcome(first["status"], first["answer"], [row for row in rows if row["id"] is not None])


def _intent(command: AddCredits | DeductCredits | PlaceHold | PostHold | VoidHold) -> tuple[str, str, str]:
    return command.intent.scope, command.intent.key, command.intent.fingerprint


def _trace() -> tuple[str | None, str | None]:
    trace = current_trace()
    return (trace.traceparent, trace.correlation_id) if trace else (None, None)


def _causation() -> str | None:
    trace = current_trace()
    return trace.causation_id if trace else None
