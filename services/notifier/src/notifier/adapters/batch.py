"""Stores a batch of events in one statement: each has its effect once, its place without a gap, its trail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters import kept, trail
from notifier.domain.incoming import Balance, Incoming
from notifier.domain.notification import SHOWN

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

# Locks are taken in one order everywhere (inbox by event id, streams by user, balances by user and currency),
# so that lanes and instances wait for each other and never deadlock. That is why the event ids come sorted,
# why streams are moved in the order of the groups, and why the branches below stand as they do: a branch's
# writes are done when it is read. A stream's row is locked by its upsert, so one user's places follow each
# other without a gap, and a rollback leaves none.
STORE = """
WITH fresh AS (
    INSERT INTO inbox (event_id, user_id, type, occurred_at, headers, body, salt)
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::json[], $6::bytea[], $7::bytea[]
    )
    ON CONFLICT DO NOTHING RETURNING event_id
), kept AS (
    SELECT given.*,
        count(kind) OVER (PARTITION BY user_id ORDER BY place) AS step,
        count(kind) OVER (PARTITION BY user_id) AS steps
    FROM unnest(
        $8::uuid[], $9::text[], $10::timestamptz[], $11::uuid[], $12::json[],
        $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
        $19::text[], $20::bool[], $21::bigint[], $22::text[], $23::uuid[]
    ) WITH ORDINALITY AS given(
        event_id, user_id, occurred_at, moved_by, detail,
        kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, place
    )
    JOIN fresh USING (event_id)
), moved AS (
    INSERT INTO stream AS s (user_id, last_seq, unread, rev)
    SELECT user_id, count(*), count(*), count(*) FROM kept WHERE kind IS NOT NULL
    GROUP BY user_id ORDER BY user_id COLLATE "C"
    ON CONFLICT (user_id) DO UPDATE SET
        last_seq = s.last_seq + excluded.last_seq,
        unread = s.unread + excluded.unread,
        rev = s.rev + excluded.rev
    RETURNING user_id, epoch, last_seq, unread, rev
), placed AS MATERIALIZED (
    SELECT kept.*, epoch,
        last_seq - steps + step AS seq, unread - steps + step AS unread, rev - steps + step AS rev
    FROM kept LEFT JOIN moved ON moved.user_id = kept.user_id AND kind IS NOT NULL
), stored AS (
    INSERT INTO notification (
        user_id, seq, id, kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, occurred_at
    )
    SELECT user_id, seq, event_id, kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, occurred_at
    FROM placed WHERE seq IS NOT NULL
), written AS (
    INSERT INTO trail_entry (user_id, what, event_id, transfer_id, epoch, seq, detail)
    SELECT user_id, CASE WHEN seq IS NULL THEN 'suppressed' ELSE 'stored' END,
        event_id, moved_by, epoch, seq, detail
    FROM placed ORDER BY place
), changed AS (
    INSERT INTO balance AS b (user_id, currency, posted, held, version)
    SELECT * FROM unnest($24::text[], $25::text[], $26::bigint[], $27::bigint[], $28::bigint[])
    ON CONFLICT (user_id, currency) DO UPDATE SET
        posted = excluded.posted, held = excluded.held, version = excluded.version
        WHERE b.version < excluded.version
    RETURNING user_id, currency, posted, held, version
)
SELECT 'created' AS what, event_id, user_id, epoch, seq, unread, rev,
    NULL AS currency, NULL::bigint AS posted, NULL::bigint AS held, NULL::bigint AS version
FROM placed WHERE seq IS NOT NULL
UNION ALL
SELECT 'balance', NULL, user_id, NULL, NULL, NULL, NULL, currency, posted, held, version FROM changed
UNION ALL
SELECT 'stale', event_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM unnest($1::uuid[]) AS given(event_id) WHERE NOT EXISTS (
    SELECT FROM fresh WHERE fresh.event_id = given.event_id
)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a notification came to stand, and the count and revision that were true there."""

    epoch: int
    seq: int
    unread: int
    rev: int


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A user's balance in one currency, in minor units."""

    user_id: str
    currency: str
    posted_minor: int
    held_minor: int
    version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch changed. ``stale`` events were here before and changed nothing now."""

    created: list[tuple[Incoming, Place]]
    balances: list[BalanceRow]
    stale: list[Incoming]


async def store(tx: Transaction, events: Sequence[Incoming]) -> Stored:
    """Store events of distinct ids, notifications in the order given. One statement, one round trip."""
    rows = await tx.fetch(STORE, *_arguments(events))
    places: dict[UUID, Place] = {}
    stale: set[UUID] = set()
    balances = []
    for row in rows:
        if row["what"] == "created":
            places[row["event_id"]] = Place(row["epoch"], row["seq"], row["unread"], row["rev"])
        elif row["what"] == "balance":
            balances.append(balance_row(row))
        else:
            stale.add(row["event_id"])
    return Stored(
        [(event, places[event.envelope.id]) for event in events if event.envelope.id in places],
        balances,
        [event for event in events if event.envelope.id in stale],
    )


def balance_row(row: Record) -> BalanceRow:
    return BalanceRow(row["user_id"], row["currency"], row["posted"], row["held"], row["version"])


def _arguments(events: Sequence[Incoming]) -> Iterator[Sequence[object]]:
    sorted_by_id = sorted((event.envelope for event in events), key=attrgetter("id"))
    salts = trail.salts(events)
    yield [envelope.id for envelope in sorted_by_id]
    yield from kept.columns(sorted_by_id)
    yield [salts[envelope.id] for envelope in sorted_by_id]
    yield [event.envelope.id for event in events]
    yield [event.envelope.subject for event in events]
    yield [event.envelope.time for event in events]
    yield [event.transfer_id for event in events]
    yield [trail.detail(event, salts[event.envelope.id]) for event in events]
    shown = [event.notification for event in events]
    for column in SHOWN:  # Of an event that has none they are null.
        yield [said and getattr(said, column) for said in shown]
    newest = _newest_balances(events)
    yield [user_id for user_id, _ in newest]
    yield [balance.currency for _, balance in newest]
    yield [balance.posted_minor for _, balance in newest]
    yield [balance.held_minor for _, balance in newest]
    yield [balance.version for _, balance in newest]


def _newest_balances(events: Sequence[Incoming]) -> list[tuple[str, Balance]]:
    """One a user and currency, as an upsert touches a row once, and sorted for the order of the locks."""
    newest: dict[tuple[str, str], Balance] = {}
    for event in events:
        balance = event.balance
        if balance is not None:
            key = (event.envelope.subject, balance.currency)
            known = newest.get(key)
            if known is None or known.version < balance.version:
                newest[key] = balance
    return [(user_id, newest[user_id, currency]) for user_id, currency in sorted(newest)]
