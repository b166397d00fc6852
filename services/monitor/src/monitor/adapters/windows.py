"""What was seen of each user, and what lies around a moment: hot statements, one round trip each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.domain.observation import Kind, Observation, SpentHour, hour_of
from monitor.domain.rules import HABIT_DAYS, Look
from shared.db import Transaction

if TYPE_CHECKING:
    from asyncpg import Record

_LOOK = """
    user_id = $1 AND kind = ANY($2::text[]) AND (subject, kind) <> ($3::uuid, $10::text)
    AND ($4::text IS NULL OR currency = $4)
    AND ($5::bigint IS NULL OR amount_minor >= $5) AND ($6::bigint IS NULL OR amount_minor <= $6)
"""
_AROUND = f"""
    (SELECT * FROM observation WHERE {_LOOK} AND at > $7::timestamptz - $8::interval AND at <= $7
     ORDER BY at DESC LIMIT $9)
    UNION ALL
    (SELECT * FROM observation WHERE {_LOOK} AND at > $7 AND at < $7::timestamptz + $8::interval
     ORDER BY at LIMIT $9)
"""  # noqa: S608  # Our own constants.


async def lock_user(tx: Transaction, user_id: str) -> None:
    """Until the transaction ends nobody else judges this user: two halves of a burst must see each other."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", user_id)


async def add(tx: Transaction, observed: Observation) -> bool:
    """False: this fact is known."""
    row = await tx.fetchrow(
        """
        INSERT INTO observation (subject, kind, user_id, at, currency, amount_minor)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING subject
        """,
        observed.subject,
        observed.kind.value,
        observed.user_id,
        observed.at,
        observed.currency,
        observed.amount_minor,
    )
    return row is not None


async def add_spent(tx: Transaction, observed: Observation) -> None:
    await tx.execute(
        """
        INSERT INTO spent_hour AS known (user_id, currency, hour, minor, debits) VALUES ($1, $2, $3, $4, 1)
        ON CONFLICT (user_id, currency, hour)
        DO UPDATE SET minor = known.minor + excluded.minor, debits = known.debits + 1
        """,
        observed.user_id,
        observed.currency,
        hour_of(observed.at),
        observed.amount_minor,
    )


async def around(tx: Transaction, observed: Observation, look: Look, within: timedelta) -> list[Observation]:
    """In the order of time, the observation itself among them."""
    rows = await tx.fetch(
        _AROUND,
        observed.user_id,
        [kind.value for kind in look.kinds],
        observed.subject,
        look.currency,
        look.least_minor,
        look.most_minor,
        observed.at,
        within,
        look.each_side,
        observed.kind.value,
    )
    return sorted([observed, *map(_of, rows)], key=lambda each: each.at)


async def hours(tx: Transaction, observed: Observation) -> list[SpentHour]:
    """The 30 days up to the observation's own hour, those in which something was spent."""
    now = hour_of(observed.at)
    rows = await tx.fetch(
        """
        SELECT hour, minor, debits FROM spent_hour
        WHERE user_id = $1 AND currency = $2 AND hour BETWEEN $3 AND $4
        """,
        observed.user_id,
        observed.currency,
        now - timedelta(days=HABIT_DAYS),
        now,
    )
    return [SpentHour(row["hour"], row["minor"], row["debits"]) for row in rows]


async def forget(tx: Transaction, older_than: timedelta, at_most: int) -> int:
    """Delete what no window holds any more; returns how many rows. The inbox still knows its events."""
    row = await tx.fetchrow(
        """
        WITH old AS (
            SELECT subject, kind FROM observation WHERE at < now() - $1::interval
            ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), old_hours AS (
            SELECT user_id, currency, hour FROM spent_hour WHERE hour < now() - $1::interval
            ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM observation WHERE (subject, kind) IN (SELECT * FROM old) RETURNING 1
        ), gone_hours AS (
            DELETE FROM spent_hour WHERE (user_id, currency, hour) IN (SELECT * FROM old_hours) RETURNING 1
        )
        SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM gone_hours) AS rows
        """,
        older_than,
        at_most,
    )
    assert row is not None
    return int(row["rows"])


def _of(row: Record) -> Observation:
    return Observation(
        row["user_id"], Kind(row["kind"]), row["subject"], row["at"], row["currency"], row["amount_minor"]
    )
