"""Stores a batch of events in one statement: each has its effect once, its place without a gap, its trail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters import kept, trail
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
    INSERT INTO inbox (event_id, user_id, type, occurred_at, headers, body)
    SELECT * FROM unnest($1::uuid[], $27::text[], $28::text[], $29::timestamptz[], $30::json[], $31::bytea[])
    ON CONFLICT DO NOTHING RETURNING event_id
), kept AS (
    SELECT n.*,
        row_number() OVER (PARTITION BY user_id ORDER BY place) AS step,
        count(*) OVER (PARTITION BY user_id) AS steps
    FROM unnest(
        $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::bool[], $12::bigint[], $13::text[], $14::uuid[], $15::timestamptz[],
        $16::uuid[], $17::text[]
    ) WITH ORDINALITY AS n(
        event_id, user_id, kind, lane, category, icon, title, body,
        link, toast, amount_minor, currency, transfer_id, occurred_at,
        moved_by, detail, place
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
), written AS (
    INSERT INTO trail_entry (user_id, what, event_id, transfer_id, epoch, seq, detail)
    SELECT user_id, what, event_id, transfer_id, epoch, seq, detail::jsonb FROM (
        SELECT user_id, 'stored' AS what, event_id, moved_by AS transfer_id,
            epoch, last_seq - steps + step AS seq, detail, place
        FROM kept JOIN moved USING (user_id)
        UNION ALL
        SELECT user_id, 'suppressed', event_id, transfer_id, NULL, NULL, detail, NULL
        FROM unnest($18::uuid[], $19::text[], $20::uuid[], $21::text[])
            AS silent(event_id, user_id, transfer_id, detail)
        JOIN fresh USING (event_id)
    ) AS told ORDER BY place
), changed AS (
    INSERT INTO balance AS b (user_id, currency, posted, held, version)
    SELECT * FROM unnest($22::text[], $23::text[], $24::bigint[], $25::bigint[], $26::bigint[])
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
    sorted_by_id = sorted((event.envelope for event in events), key=attrgetter("id"))
    yield [envelope.id for envelope in sorted_by_id]
    details = trail.details(events)
    shown, silent = [], []
    for event, detail in zip(events, details, strict=True):
        if event.notification is None:
            silent.append((event, detail))
        else:
            shown.append((event, event.notification, detail))
    yield [event.envelope.id for event, _, _ in shown]
    yield [event.envelope.subject for event, _, _ in shown]
    yield [said.kind for _, said, _ in shown]
    yield [said.lane.value for _, said, _ in shown]
    yield [said.category.value for _, said, _ in shown]
    yield [said.icon for _, said, _ in shown]
    yield [said.title for _, said, _ in shown]
    yield [said.body for _, said, _ in shown]
    yield [said.link for _, said, _ in shown]
    yield [said.toast for _, said, _ in shown]
    yield [said.amount_minor for _, said, _ in shown]
    yield [said.currency for _, said, _ in shown]
    yield [said.transfer_id for _, said, _ in shown]
    yield [event.envelope.time for event, _, _ in shown]
    yield [event.transfer_id for event, _, _ in shown]
    yield [detail for _, _, detail in shown]
    yield [event.envelope.id for event, _ in silent]
    yield [event.envelope.subject for event, _ in silent]
    yield [event.transfer_id for event, _ in silent]
    yield [detail for _, detail in silent]
    newest = _newest_balances(events)
    yield [user_id for user_id, _ in newest]
    yield [balance.currency for _, balance in newest]
    yield [balance.posted_minor for _, balance in newest]
    yield [balance.held_minor for _, balance in newest]
    yield [balance.version for _, balance in newest]
    yield from kept.columns(sorted_by_id)


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
