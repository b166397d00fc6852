"""Refunds at providers, in the database: the same manner as payments."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from payment.domain.machine import RefundState
from payment.domain.payment import ProviderRefund
from shared.db import Transaction
from shared.money import Money
from shared.observability.trace import current_trace

if TYPE_CHECKING:
    from asyncpg import Record

_COLUMNS = (
    "id, payment_id, user_id, amount_minor, currency, reference, state, reason, provider_refund_id,"
    " attempts, correlation_id"
)


async def insert(tx: Transaction, refund: ProviderRefund, due_seconds: float | None) -> bool:
    """Whether it is new."""
    trace = current_trace()
    row = await tx.fetchrow(
        """
        INSERT INTO provider_refund
            (id, payment_id, user_id, amount_minor, currency, reference, state, reason, due_at,
            correlation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), $10)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        refund.id,
        refund.payment_id,
        refund.user_id,
        refund.money.minor,
        refund.money.currency,
        refund.reference,
        refund.state,
        refund.reason,
        due_seconds,
        trace and trace.correlation_id,
    )
    return row is not None


async def refunded_minor(tx: Transaction, payment_id: UUID) -> int:
    """What was, or may still be, given back of a payment."""
    row = await tx.fetchrow(
        "SELECT coalesce(sum(amount_minor), 0)::bigint AS total FROM provider_refund"
        " WHERE payment_id = $1 AND state <> 'failed'",
        payment_id,
    )
    assert row is not None
    return int(row["total"])


async def get(tx: Transaction, refund_id: UUID) -> ProviderRefund | None:
    return await _one(tx, "WHERE id = $1", refund_id)


async def lock(tx: Transaction, refund_id: UUID) -> ProviderRefund | None:
    return await _one(tx, "WHERE id = $1 FOR UPDATE", refund_id)


async def find(
    tx: Transaction, provider: str, provider_refund_id: str | None, reference: str | None
) -> list[UUID]:
    """The refunds a provider may speak of. The reference is a refund's id, or else its payment's own."""
    rows = await tx.fetch(
        """
        SELECT id FROM provider_refund WHERE provider_refund_id = $2 OR id = $3
            OR payment_id = (SELECT id FROM payment WHERE provider = $1 AND reference = $4)
        """,
        provider,
        provider_refund_id,
        _as_id(reference),
        reference,
    )
    return [row["id"] for row in rows]


def _as_id(reference: str | None) -> UUID | None:
    try:
        return UUID(reference or "")
    except ValueError:
        return None


async def move(
    tx: Transaction, refund_id: UUID, to: RefundState, reason: str | None, due_seconds: float | None
) -> None:
    await tx.execute(
        """
        UPDATE provider_refund SET state = $2, reason = $3, attempts = 0, updated_at = now(),
            due_at = now() + make_interval(secs => $4)
        WHERE id = $1
        """,
        refund_id,
        to,
        reason,
        due_seconds,
    )


async def learn(tx: Transaction, refund_id: UUID, provider_refund_id: str) -> None:
    await tx.execute(
        "UPDATE provider_refund SET provider_refund_id = $2 WHERE id = $1 AND provider_refund_id IS NULL",
        refund_id,
        provider_refund_id,
    )


async def look_again(tx: Transaction, refund: ProviderRefund, due_seconds: float | None) -> None:
    """Nothing came of this look. Does nothing where somebody else has moved the refund meanwhile."""
    await tx.execute(
        """
        UPDATE provider_refund SET attempts = attempts + 1, due_at = now() + make_interval(secs => $3)
        WHERE id = $1 AND state = $2
        """,
        refund.id,
        refund.state,
        due_seconds,
    )


async def _one(tx: Transaction, where: str, *arguments: object) -> ProviderRefund | None:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM provider_refund {where}", *arguments)  # noqa: S608  # Ours.
    return None if row is None else _refund(row)


def _refund(row: Record) -> ProviderRefund:
    fields = dict(row)
    money = Money(fields.pop("amount_minor"), fields.pop("currency"))
    return ProviderRefund(**fields | {"money": money, "state": RefundState(fields["state"])})
