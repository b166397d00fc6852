"""What was seen of each user, and what lies around a moment: hot statements, one round trip each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.domain.observation import Kind, Observation, SpentHour, hour_of
from monitor.domain.rules import HABIT_DAYS, Look
from shared.db import Transaction

if TYPE_CHECKING:
    from asyncpg import Record

# Each kind for itself, along its index: of ten thousand debits in a window only the nearest are read.
_AROUND = """
    SELECT found.* FROM unnest($2::text[]) AS looked(kind), LATERAL (
        (SELECT * FROM observation WHERE user_id = $1 AND kind = looked.kind
            AND (subject, kind) <> ($3::uuid, $4::text) {which}
            AND at > $5::timestamptz - $6::interval AND at <= $5
        ORDER BY at DESC LIMIT $7)
        UNION ALL
        (SELECT * FROM observation WHERE user_id = $1 AND kind = looked.kind
            AND (subject, kind) <> ($3::uuid, $4::text) {which}
            AND at > $5 AND at < $5::timestamptz + $6::interval
        ORDER BY at LIMIT $7)
    ) AS found
"""
_ALL = _AROUND.format(which="")
_EXACTLY = _AROUND.format(which="AND currency = $8 AND amount_minor = $9")
_AT_MOST = _AROUND.format(which="AND currency = $8 AND amount_minor <= $9")


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
    which: tuple[object, ...]
    if look.exactly_minor is not None:
        sql, which = _EXACTLY, (observed.currency, look.exactly_minor)
    elif look.most_minor is not None:
        sql, which = _AT_MOST, (observed.currency, look.most_minor)
    else:
        sql, which = _ALL, ()
    rows = await tx.fetch(
        sql,
        observed.user_id,
        [kind.value for kind in look.kinds],
        observed.subject,
        observed.kind.value,
        observed.at,
        within,
        look.each_side,
        *which,
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
