"""Gives the trail's entries their places in their users' chains, and signs how the chains stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from shared.trail import Checkpoint, Entry, Signed, leaf, moment

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

ENTRY_COLUMNS = "e.user_id, e.what, e.at, e.event_id, e.transfer_id, e.epoch, e.seq, e.up_to, e.detail"

# Whoever holds it is the only one to seal or to sign, of all replicas.
_LOCK = 0x6C62_7472  # "lbtr"

# A plan may have been made while the tables were empty, and kept: it must not read them whole for ever.
_BEGIN = """
SELECT pg_try_advisory_xact_lock($1) AS alone,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
    pg_current_xact_id()::text::bigint AS own,
    coalesce((SELECT max(id) FROM trail_entry), 0) AS newest,
    set_config('enable_seqscan', 'off', true)
"""

_WAIT = "SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)"

# In the order of their ids: whoever tells of something that was committed has a higher one. What came after a
# walk began may tell of what was committed behind it, and waits for the next.
_DUE = f"""
WITH due AS MATERIALIZED (
    SELECT e.id, {ENTRY_COLUMNS} FROM trail_entry e
    WHERE e.id > $1 AND e.id <= $2
        AND NOT EXISTS (SELECT FROM trail_seal s WHERE s.entry_id = e.id AND s.entry_id > $1)
    ORDER BY e.id LIMIT $3
), head AS MATERIALIZED (
    SELECT user_id, place, hash FROM (SELECT DISTINCT user_id FROM due) AS u LEFT JOIN LATERAL (
        SELECT s.place, s.hash FROM trail_seal s WHERE s.user_id = u.user_id ORDER BY s.place DESC LIMIT 1
    ) AS last ON true
)
SELECT due.*, head.place, head.hash FROM due JOIN head USING (user_id) ORDER BY due.id
"""  # noqa: S608  # The columns are our own constant.

_SEAL = """
INSERT INTO trail_seal (user_id, place, entry_id, hash)
SELECT user_id, place, entry_id, hash
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[])
    WITH ORDINALITY AS s(user_id, place, entry_id, hash, n) ORDER BY n
"""

_LAST = "SELECT * FROM trail_checkpoint ORDER BY number DESC LIMIT 1"

# Whether a checkpoint's mark can be believed: nobody has signed it. It is of an entry under that checkpoint.
IS_SETTLED = """
(c.settled = 0 OR EXISTS (SELECT FROM trail_seal t WHERE t.entry_id = c.settled AND t.number <= c.up_to))
"""

SETTLED = f"SELECT c.settled FROM trail_checkpoint c WHERE {IS_SETTLED} ORDER BY c.number DESC LIMIT 1"  # noqa: S608  # Our own constant.

_PENDING = """
SELECT clock_timestamp() AS now, max(number) AS up_to, count(*) AS seals
FROM (SELECT number FROM trail_seal WHERE number > $1 ORDER BY number LIMIT $2) AS pending
"""

_HEADS = """
SELECT DISTINCT ON (user_id) user_id, place, hash FROM trail_seal
WHERE number > $1 AND number <= $2 ORDER BY user_id, place DESC
"""

_SIGN = """
INSERT INTO trail_checkpoint (number, at, previous, leaves, root, key, signature, after, up_to, settled)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


class Turn(NamedTuple):
    """A moment: transactions below ``oldest`` were over, ``own`` is above all that had begun to write.

    ``newest`` is the highest entry that could be seen.
    """

    alone: bool
    oldest: int
    own: int
    newest: int


class Seal(NamedTuple):
    """An entry's place in its user's chain, and the chain's hash there."""

    user_id: str
    place: int
    entry_id: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal of a user's chain."""

    user_id: str
    place: int
    hash: bytes

    def leaf(self) -> bytes:
        return leaf(self.user_id, self.place, self.hash)


async def begin(tx: Transaction) -> Turn:
    """Whether nobody else seals or signs until the transaction ends."""
    row = await tx.fetchrow(_BEGIN, _LOCK)
    assert row is not None
    return Turn(row["alone"], row["oldest"], row["own"], row["newest"])


async def wait(tx: Transaction) -> None:
    """Until nobody else seals or signs before the transaction ends."""
    await tx.execute(_WAIT, _LOCK)


async def due(tx: Transaction, after: int, up_to: int, at_most: int) -> list[Record]:
    """Entries without a seal, each with its chain's head (``place`` and ``hash``) as it is now."""
    return await tx.fetch(_DUE, after, up_to, at_most)


async def seal(tx: Transaction, seals: Sequence[Seal]) -> None:
    await tx.execute(_SEAL, *(list(column) for column in zip(*seals, strict=True)))


async def last_checkpoint(tx: Transaction) -> Record | None:
    return await tx.fetchrow(_LAST)


async def settled(tx: Transaction) -> int:
    """All entries up to this id were under the last checkpoint, or under one before it."""
    row = await tx.fetchrow(SETTLED)
    return 0 if row is None else row["settled"]


async def pending(tx: Transaction, after: int, at_most: int) -> Record:
    """How many seals no checkpoint covers, up to which number, and the time."""
    row = await tx.fetchrow(_PENDING, after, at_most)
    assert row is not None
    return row


async def heads(tx: Transaction, after: int, up_to: int) -> list[Head]:
    """Of the chains that grew between these numbers, as they were then: the leaves of a checkpoint."""
    return [Head(*row) for row in await tx.fetch(_HEADS, after, up_to)]


async def sign(tx: Transaction, *row: object) -> None:
    await tx.execute(_SIGN, *row)


def entry_of(row: Record, place: int | None) -> Entry:
    return Entry(
        user_id=row["user_id"],
        place=place,
        what=row["what"],
        at=moment(row["at"]),
        event_id=row["event_id"],
        transfer_id=row["transfer_id"],
        epoch=row["epoch"],
        seq=row["seq"],
        up_to=row["up_to"],
        detail=row["detail"],
    )


def signed_of(row: Record) -> Signed:
    checkpoint = Checkpoint(row["number"], moment(row["at"]), row["previous"], row["leaves"], row["root"])
    return Signed(checkpoint, row["signature"], row["key"])
