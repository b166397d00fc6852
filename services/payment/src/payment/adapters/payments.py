"""Payments in the database: written once as an intent, then moved under their row's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from payment.domain.machine import OPEN, State
from payment.domain.names import transfer_of
from payment.domain.payment import Intent, Payment
from payment.domain.policy import Policy
from shared.db import Transaction
from shared.money import Money
from shared.observability.trace import current_trace
from shared.references import reference_of

if TYPE_CHECKING:
    from asyncpg import Record

_COLUMNS = (
    "id, number, user_id, currency, amount_minor, reference, provider, state, reason, provider_id,"
    " checkout_url, deadline, transfer_id, fingerprint, attempts, correlation_id,"
    " created_at, updated_at, deadline <= now() AS lapsed"
)


async def lock_user(tx: Transaction, user_id: str) -> None:
    """One new payment at a time for each user, or two at once could both be the last that is allowed."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('payment ' || $1, 0))", user_id)


async def count_open(tx: Transaction, user_id: str) -> int:
    row = await tx.fetchrow(
        "SELECT count(*) AS open FROM payment WHERE user_id = $1 AND state = ANY($2::text[])",
        user_id,
        list(OPEN),
    )
    assert row is not None
    return int(row["open"])


async def insert(tx: Transaction, intent: Intent, policy: Policy) -> Payment:
    """The new payment. There is none with this id: whoever wants to make one holds the user's lock."""
    trace = current_trace()
    row = await tx.fetchrow(
        f"""
        INSERT INTO payment (
            id, user_id, currency, amount_minor, reference, provider, state, deadline, transfer_id,
            fingerprint, due_at, correlation_id
        ) VALUES (
            $1, $2, $3, $4, $5, $6, '{State.INITIATED}', now() + make_interval(secs => $7), $8,
            $9, clock_timestamp() + make_interval(secs => $10), $11
        ) RETURNING {_COLUMNS}
        """,  # noqa: S608  # The columns are our own constant.
        intent.id,
        intent.user_id,
        intent.money.currency,
        intent.money.minor,
        reference_of("PAY", intent.id),
        intent.provider,
        policy.checkout_seconds,
        transfer_of(intent.id),
        intent.fingerprint,
        policy.first_look_seconds,
        trace and trace.correlation_id,
    )
    assert row is not None
    return of_row(row)


async def get(tx: Transaction, payment_id: UUID) -> Payment | None:
    return await _one(tx, "WHERE id = $1", payment_id)


async def lock(tx: Transaction, payment_id: UUID) -> Payment | None:
    """As it is now, and as it stays until this transaction ends."""
    return await _one(tx, "WHERE id = $1 FOR UPDATE", payment_id)


async def lock_by_transfer(tx: Transaction, transfer_id: UUID) -> Payment | None:
    return await _one(tx, "WHERE transfer_id = $1 FOR UPDATE", transfer_id)


async def find(
    tx: Transaction, provider: str, provider_id: str | None, reference: str | None
) -> Payment | None:
    """The payment a provider speaks of. Its id there wins: a reference can be changed under it."""
    return await _one(
        tx,
        "WHERE provider = $1 AND (provider_id = $2 OR reference = $3)"
        " ORDER BY (provider_id IS NOT DISTINCT FROM $2) DESC LIMIT 1",
        provider,
        provider_id,
        reference,
    )


async def select_of_user(tx: Transaction, user_id: str, before: int | None, limit: int) -> list[Record]:
    """Newest first."""
    return await tx.fetch(
        f"SELECT {_COLUMNS} FROM payment WHERE user_id = $1 AND ($2::bigint IS NULL OR number < $2)"  # noqa: S608  # Ours.
        " ORDER BY number DESC LIMIT $3",
        user_id,
        before,
        limit,
    )


async def move(
    tx: Transaction, payment: Payment, to: State, reason: str | None, due_seconds: float | None
) -> None:
    """Into its next state. A pending one is due at its deadline, any other after so many seconds or never."""
    await tx.execute(
        """
        UPDATE payment SET state = $2, reason = $3, attempts = 0, updated_at = now(),
            due_at = CASE WHEN $2 = 'pending' THEN deadline ELSE now() + make_interval(secs => $4) END
        WHERE id = $1
        """,
        payment.id,
        to,
        reason,
        due_seconds,
    )


async def learn(tx: Transaction, payment_id: UUID, provider_id: str, checkout_url: str | None) -> None:
    """Where it is at the provider; what is known already stays."""
    await tx.execute(
        """
        UPDATE payment SET provider_id = coalesce(provider_id, $2), checkout_url = coalesce(checkout_url, $3)
        WHERE id = $1 AND (provider_id IS NULL OR checkout_url IS NULL AND $3::text IS NOT NULL)
        """,
        payment_id,
        provider_id,
        checkout_url,
    )


async def look_again(tx: Transaction, payment: Payment, due_seconds: float | None) -> None:
    """Nothing came of this look. Does nothing where somebody else has moved the payment meanwhile."""
    await tx.execute(
        """
        UPDATE payment SET attempts = attempts + 1, due_at = now() + make_interval(secs => $3)
        WHERE id = $1 AND state = $2
        """,
        payment.id,
        payment.state,
        due_seconds,
    )


async def wait(tx: Transaction, payment: Payment, seconds: float) -> None:
    """This look was none that counts. Does nothing where somebody else has moved the payment meanwhile."""
    await tx.execute(
        "UPDATE payment SET due_at = now() + make_interval(secs => $3) WHERE id = $1 AND state = $2",
        payment.id,
        payment.state,
        seconds,
    )


async def close_soon(tx: Transaction, payment_id: UUID) -> None:
    """A checkout turned up of a payment that has ended meanwhile."""
    await tx.execute("UPDATE payment SET due_at = now() WHERE id = $1", payment_id)


async def await_deadline(tx: Transaction, payment: Payment) -> None:
    await tx.execute(
        "UPDATE payment SET due_at = deadline WHERE id = $1 AND state = $2", payment.id, payment.state
    )


async def _one(tx: Transaction, where: str, *arguments: object) -> Payment | None:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM payment {where}", *arguments)  # noqa: S608  # Ours.
    return None if row is None else of_row(row)


def of_row(row: Record) -> Payment:
    fields = dict(row)
    money = Money(fields.pop("amount_minor"), fields.pop("currency"))
    return Payment(**fields | {"money": money, "state": State(fields["state"])})
