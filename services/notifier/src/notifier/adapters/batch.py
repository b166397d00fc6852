"""Stores a batch of events in one statement: each has its effect once, and its place without a gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.domain.incoming import Balance, Incoming

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
    INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id
), kept AS (
    SELECT n.*,
        row_number() OVER (PARTITION BY user_id ORDER BY place) AS step,
        count(*) OVER (PARTITION BY user_id) AS steps
    FROM unnest(
        $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::bool[], $12::bigint[], $13::text[], $14::uuid[], $15::timestamptz[]
    ) WITH ORDINALITY AS n(
        event_id, user_id, kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, occurred_at, place
    )
    JOIN fresh USING (event_id)
), moved AS (
    INSERT INTO stream AS s (user_id, last_seq, unread, rev)
    SELECT user_id, count(*), count(*), count(*) FROM kept GROUP BY user_id ORDER BY user_id COLLATE "C"
    ON CONFLICT (user_id) DO UPDATE SET
        last_seq = s.last_seq + excluded.last_seq,
        unread = s.unread + excluded.unread,
        rev = s.rev + excluded.rev
    RETURNING user_id, epoch, last_seq, unread, rev
), stored AS (
    INSERT INTO notification (
        user_id, seq, id, kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, occurred_at
    )
    SELECT user_id, last_seq - steps + step, event_id, kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, occurred_at
    FROM kept JOIN moved USING (user_id)
), changed AS (
    INSERT INTO balance AS b (user_id, currency, posted, held, version)
    SELECT * FROM unnest($16::text[], $17::text[], $18::bigint[], $19::bigint[], $20::bigint[])
    ON CONFLICT (user_id, currency) DO UPDATE SET
        posted = excluded.posted, held = excluded.held, version = excluded.version
        WHERE b.version < excluded.version
    RETURNING user_id, currency, posted, held, version
)
SELECT 'created' AS what, event_id, user_id, epoch, last_seq - steps + step AS seq,
    unread - steps + step AS unread, rev - steps + step AS rev,
    NULL AS currency, NULL::bigint AS posted, NULL::bigint AS held, NULL::bigint AS version
FROM kept JOIN moved USING (user_id)
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


def _arguments(events: Sequence[Incoming]) -> Iterable[Sequence[object]]:
    yield sorted(event.envelope.id for event in events)
    shown = [(event.envelope, event.notification) for event in events if event.notification is not None]
    yield [envelope.id for envelope, _ in shown]
    yield [envelope.subject for envelope, _ in shown]
    yield [said.kind for _, said in shown]
    yield [said.lane.value for _, said in shown]
    yield [said.category.value for _, said in shown]
    yield [said.icon for _, said in shown]
    yield [said.title for _, said in shown]
    yield [said.body for _, said in shown]
    yield [said.link for _, said in shown]
    yield [said.toast for _, said in shown]
    yield [said.amount_minor for _, said in shown]
    yield [said.currency for _, said in shown]
    yield [said.transfer_id for _, said in shown]
    yield [envelope.time for envelope, _ in shown]
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
