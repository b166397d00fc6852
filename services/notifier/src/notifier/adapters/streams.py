"""Reads streams, alone or hundreds at a time; every read costs the same however long the history is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.adapters.batch import BalanceRow
from shared.streams import Cursor

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from shared.db import Transaction

ITEM_COLUMNS = """
    n.user_id, n.seq, n.id, n.kind, n.lane, n.icon, n.title, n.body, n.link, n.toast,
    n.amount_minor, n.currency, n.transfer_id, n.occurred_at, n.read_at
"""

_HEADS = """
SELECT w.user_id, coalesce(s.epoch, 1) AS epoch, coalesce(s.last_seq, 0) AS seq,
    coalesce(s.unread, 0) AS unread, coalesce(s.read_seq, 0) AS read_seq, coalesce(s.rev, 0) AS rev
FROM unnest($1::text[]) AS w(user_id) LEFT JOIN stream s USING (user_id)
"""

# One statement, because a head and the balances of another moment do not belong together.
_STANDINGS = f"""
SELECT h.*, b.balances FROM ({_HEADS}) h LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(currency, posted, held, version) ORDER BY currency) AS balances
    FROM balance b WHERE b.user_id = h.user_id
) b ON true
"""  # noqa: S608  # Our own statement.

_BALANCES = """
SELECT b.user_id, b.currency, b.posted, b.held, b.version
FROM unnest($1::text[]) AS w(user_id) JOIN balance b USING (user_id) ORDER BY b.user_id, b.currency
"""

# The place in the list is the request's: one user may ask twice, from two tabs.
_REPLAYS = f"""
SELECT w.place, n.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::int[])
    WITH ORDINALITY AS w(user_id, after, up_to, at_most, place)
CROSS JOIN LATERAL (
    SELECT {ITEM_COLUMNS} FROM notification n
    WHERE n.user_id = w.user_id AND n.seq > w.after AND n.seq <= w.up_to ORDER BY n.seq LIMIT w.at_most
) n ORDER BY w.place, n.seq
"""  # noqa: S608  # The columns are our own constant.


@dataclass(frozen=True, slots=True)
class Head:
    """How a stream stands: its newest place, what is unread, and the revision that orders such counts."""

    user_id: str
    cursor: Cursor
    unread: int
    read_seq: int
    rev: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A wish for what one user has after one place, up to the head that was read before."""

    head: Head
    after: int
    at_most: int


async def heads(tx: Transaction, user_ids: Sequence[str]) -> dict[str, Head]:
    """One for each user; without a stream row it is 1:0 with nothing unread."""
    return {row["user_id"]: head_of(row) for row in await tx.fetch(_HEADS, user_ids)}


async def balances(tx: Transaction, user_ids: Sequence[str]) -> dict[str, list[BalanceRow]]:
    found: dict[str, list[BalanceRow]] = {}
    for row in await tx.fetch(_BALANCES, user_ids):
        found.setdefault(row["user_id"], []).append(
            BalanceRow(row["user_id"], row["currency"], row["posted"], row["held"], row["version"])
        )
    return found


async def standings(tx: Transaction, user_ids: Sequence[str]) -> dict[str, tuple[Head, list[BalanceRow]]]:
    """Heads and balances as of one moment; a user without a stream row stands at 1:0."""
    return {
        row["user_id"]: (
            head_of(row),
            [BalanceRow(row["user_id"], *balance) for balance in row["balances"] or ()],
        )
        for row in await tx.fetch(_STANDINGS, user_ids)
    }


async def replays(tx: Transaction, wanted: Sequence[Replay]) -> list[list[Record]]:
    """Rows of each wish, oldest first, all in one statement."""
    answers: list[list[Record]] = [[] for _ in wanted]
    if wanted:
        rows = await tx.fetch(
            _REPLAYS,
            [replay.head.user_id for replay in wanted],
            [replay.after for replay in wanted],
            [replay.head.cursor.seq for replay in wanted],
            [replay.at_most for replay in wanted],
        )
        for row in rows:
            answers[row["place"] - 1].append(row)
    return answers


async def lock(tx: Transaction, user_id: str) -> Head | None:
    """The stream as it stands once we are alone with it until the transaction ends; None without a row."""
    row = await tx.fetchrow(
        "SELECT user_id, epoch, last_seq AS seq, unread, read_seq, rev"
        " FROM stream WHERE user_id = $1 FOR UPDATE",
        user_id,
    )
    return None if row is None else head_of(row)


async def find(tx: Transaction, user_id: str, notification_id: UUID) -> Record | None:
    """The place of one notification of this user, and when it was read by itself."""
    return await tx.fetchrow(
        "SELECT seq, read_at FROM notification WHERE id = $1 AND user_id = $2", notification_id, user_id
    )


async def set_read(tx: Transaction, head: Head, seq: int, notification_id: UUID) -> Head:
    """Mark one unread notification as read, on a locked stream; the trail says so."""
    await tx.execute(
        "UPDATE notification SET read_at = now() WHERE user_id = $1 AND seq = $2", head.user_id, seq
    )
    return await _count_down(tx, head, read=1, read_seq=head.read_seq, told=(notification_id, seq, None))


async def set_read_up_to(tx: Transaction, head: Head, seq: int) -> Head:
    """Move the mark below which everything is read, on a locked stream; the trail says from where to where.

    Touches no notification.
    """
    row = await tx.fetchrow(
        "SELECT count(*) AS unread FROM notification"
        " WHERE user_id = $1 AND seq > $2 AND seq <= $3 AND read_at IS NULL",
        head.user_id,
        head.read_seq,
        seq,
    )
    assert row is not None
    told = (None, head.read_seq + 1, seq)
    return await _count_down(tx, head, read=row["unread"], read_seq=seq, told=told)


async def _count_down(
    tx: Transaction, head: Head, *, read: int, read_seq: int, told: tuple[UUID | None, int, int | None]
) -> Head:
    row = await tx.fetchrow(
        """
        WITH counted AS (
            UPDATE stream SET unread = unread - $2, read_seq = $3, rev = rev + 1 WHERE user_id = $1
            RETURNING user_id, epoch, last_seq AS seq, unread, read_seq, rev
        ), written AS (
            INSERT INTO trail_entry (user_id, what, epoch, event_id, seq, up_to)
            SELECT user_id, 'read', epoch, $4::uuid, $5::bigint, $6::bigint FROM counted
        )
        SELECT * FROM counted
        """,
        head.user_id,
        read,
        read_seq,
        *told,
    )
    assert row is not None
    return head_of(row)


def head_of(row: Record) -> Head:
    return Head(row["user_id"], Cursor(row["epoch"], row["seq"]), row["unread"], row["read_seq"], row["rev"])
