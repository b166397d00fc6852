"""What the ledger has stated beside what was stored: figures, holes, and statements that are missing."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.db import Transaction
from shared.events.coverage import StatedTransfer, Statement

if TYPE_CHECKING:
    from asyncpg import Record

CHECKED = 2000  # Transfers in one statement of SQL.
LOOKED_AT = 2000  # Holes in one look.
ASKED_FOR = 200  # So few at once, as what waits in a queue looks like a hole too, and would come twice.
MISSING_AT_MOST = 100

# A transfer is covered when its user has a notification of it, with its amount. A payment's or a refund's is
# that of another event than the ledger's; the trail knows which. Scalar subqueries are an index lookup each:
# for EXISTS, all notifications were read into a hash table for each statement.
_SHOWN = """
    n.user_id = h.user_id AND n.transfer_id = h.transfer_id
        AND n.amount_minor = h.amount_minor AND n.currency = h.currency
"""
_COVERED = f"""
    (CASE WHEN h.kind IN ('payment', 'refund') THEN (
        SELECT true FROM trail_entry e JOIN notification n ON n.id = e.event_id
        WHERE e.transfer_id = h.transfer_id AND {_SHOWN}
            AND n.kind IN ('payment.completed', 'refund.completed', 'refund.failed') LIMIT 1
    ) ELSE (SELECT true FROM notification n WHERE n.id = h.event_id AND {_SHOWN}) END IS true)
"""  # noqa: S608  # Our own SQL.
# A hole that is open is locked, in one order: while a rebuild is under way, nobody closes it by what it shows
# no more.
_STATED = f"""
    INSERT INTO coverage_hole (transfer_id, event_id, kind, user_id, amount_minor, currency, created_at)
    SELECT DISTINCT ON (transfer_id) h.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[],
        $5::bigint[], $6::text[], $7::timestamptz[]
    ) AS h(transfer_id, event_id, kind, user_id, amount_minor, currency, created_at)
    WHERE NOT {_COVERED} ORDER BY transfer_id
    ON CONFLICT (transfer_id) DO UPDATE SET checked_at = excluded.checked_at
"""  # noqa: S608  # As above.
_COUNT = """
    INSERT INTO coverage_kind AS k (kind, stated) SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (kind) DO UPDATE SET stated = k.stated + excluded.stated
"""
# What was heard under its first number, and those after it, is undone.
_BEGIN_ERA = """
    WITH undone AS (DELETE FROM coverage_statement WHERE number >= $2)
    UPDATE coverage_ledger SET era = $1, heard_up_to = least(heard_up_to, $2 - 1) RETURNING heard_up_to
"""
# Without a gap, a number less its place among those heard is what was heard up to.
_ADVANCE = """
    WITH placed AS (
        SELECT number, at, number - row_number() OVER (ORDER BY number) AS before FROM coverage_statement
    ), next AS (
        SELECT number, at FROM placed JOIN coverage_ledger ON before = heard_up_to
        ORDER BY number DESC LIMIT 1
    ), advanced AS (
        UPDATE coverage_ledger SET heard_up_to = next.number, stated_until = next.at, asked_at = NULL
        FROM next
    )
    DELETE FROM coverage_statement WHERE number <= (SELECT number FROM next)
"""
_LOOK = f"""
    UPDATE coverage_hole SET checked_at = now() WHERE transfer_id IN (
        SELECT transfer_id FROM coverage_hole ORDER BY checked_at LIMIT {LOOKED_AT} FOR UPDATE SKIP LOCKED
    ) RETURNING transfer_id
"""  # noqa: S608  # As above.
_CLOSE = f"""
    DELETE FROM coverage_hole h WHERE h.transfer_id = ANY($1::uuid[]) AND {_COVERED}
    RETURNING h.transfer_id, h.asks
"""  # noqa: S608  # As above.
_OVERDUE = f"""
    UPDATE coverage_hole SET asked_at = now(), asks = asks + 1 WHERE transfer_id IN (
        SELECT transfer_id FROM coverage_hole
        WHERE found_at < now() - make_interval(secs => $1) AND (
            asked_at IS NULL
            OR asked_at < now() - make_interval(secs => least(3600, $1 * 2 ^ least(asks, 12)))
        ) ORDER BY created_at LIMIT {ASKED_FOR} FOR UPDATE SKIP LOCKED
    ) RETURNING *
"""  # noqa: S608  # As above.
# Two processes may tell two statements the wrong way round: only what is still missing after a while is.
_ASK = """
    UPDATE coverage_ledger SET asked_at = now() WHERE singleton IN (
        SELECT singleton FROM coverage_ledger
        WHERE (asked_at IS NULL OR asked_at < now() - make_interval(secs => $2)) AND EXISTS (
                SELECT FROM coverage_statement WHERE heard_at < now() - make_interval(secs => $1)
            ) FOR UPDATE SKIP LOCKED
    ) RETURNING heard_up_to
"""
_MISSING = """
    SELECT n.number FROM coverage_ledger, generate_series(
        heard_up_to + 1, least(heard_up_to + 10000, (SELECT max(number) FROM coverage_statement))
    ) AS n(number)
    WHERE NOT EXISTS (SELECT FROM coverage_statement s WHERE s.number = n.number) LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class KindFigures:
    kind: str
    stated: int
    holes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """``stated_until``: of all that the ledger committed until then it is known whether it was shown."""

    kinds: list[KindFigures]
    oldest_at: datetime | None
    statements_missing: int
    stated_until: datetime | None

    @property
    def stated(self) -> int:
        return sum(each.stated for each in self.kinds)

    @property
    def holes(self) -> int:
        return sum(each.holes for each in self.kinds)

    @property
    def percent(self) -> float:
        """Rounded down: 100 is said only where nothing is missing."""
        return (self.stated - self.holes) * 1_000_000 // self.stated / 10_000 if self.stated else 100.0


async def receive(tx: Transaction, statement: Statement) -> bool:
    """Check each transfer that is stated.

    False: it was heard before, or was told in an era that is over, and changes nothing. Where it still holds,
    it is missing, and is asked for.
    """
    row = await tx.fetchrow("SELECT heard_up_to, era FROM coverage_ledger FOR UPDATE")
    assert row is not None
    known, last = row["era"], max(era.began for era in statement.eras)
    if known is None or known < last:
        first = min(era.first for era in statement.eras if known is None or known < era.began)
        row = await tx.fetchrow(_BEGIN_ERA, last, first)
        assert row is not None
    elif last < known:
        return False
    if statement.number <= row["heard_up_to"]:
        return False
    new = await tx.fetchrow(
        "INSERT INTO coverage_statement (number, at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number",
        statement.number,
        statement.at,
    )
    if new is None:
        return False
    if statement.transfers:
        await check(tx, statement.transfers)
        counts = sorted(Counts(transfer.kind for transfer in statement.transfers).items())
        await tx.execute(_COUNT, [kind for kind, _ in counts], [count for _, count in counts])
    await tx.execute(_ADVANCE)
    return True


async def check(tx: Transaction, transfers: Sequence[StatedTransfer]) -> None:
    """Each that no notification shows is a hole from now on, until one does."""
    for start in range(0, len(transfers), CHECKED):
        some = transfers[start : start + CHECKED]
        await tx.execute(_STATED, *map(list, zip(*some, strict=True)))


async def look(tx: Transaction) -> tuple[int, list[Record]]:
    """Look at the holes that were not looked at for longest; how many, and those that are none any more."""
    looked = await tx.fetch(_LOOK)
    return len(looked), await tx.fetch(_CLOSE, [row["transfer_id"] for row in looked])


async def take_overdue(tx: Transaction, after_seconds: float) -> list[Record]:
    """Holes to be asked for now: open for so long, or twice as long since the last time, up to an hour."""
    return await tx.fetch(_OVERDUE, after_seconds)


async def take_missing(tx: Transaction, after_seconds: float, again_seconds: float) -> list[int]:
    """Numbers of statements to be asked for now, the first of them."""
    if not await tx.fetch(_ASK, after_seconds, again_seconds):
        return []
    return [row["number"] for row in await tx.fetch(_MISSING, MISSING_AT_MOST)]


async def figures(tx: Transaction) -> Figures:
    kinds = await tx.fetch(
        """
        SELECT kind, stated, coalesce(holes, 0) AS holes FROM coverage_kind LEFT JOIN (
            SELECT kind, count(*) AS holes FROM coverage_hole GROUP BY kind
        ) AS open USING (kind) ORDER BY kind
        """
    )
    row = await tx.fetchrow(
        """
        SELECT stated_until, (SELECT min(created_at) FROM coverage_hole) AS oldest_at,
            coalesce((SELECT max(number) - count(*) FROM coverage_statement) - heard_up_to, 0) AS missing
        FROM coverage_ledger
        """
    )
    assert row is not None
    return Figures(
        [KindFigures(**each) for each in kinds], row["oldest_at"], row["missing"], row["stated_until"]
    )


async def holes(tx: Transaction, at_most: int) -> list[Record]:
    """The oldest first."""
    return await tx.fetch("SELECT * FROM coverage_hole ORDER BY created_at LIMIT $1", at_most)
