"""Reads the trail: an operator's timeline, newest first, and a user's whole chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters.seals import ENTRY_COLUMNS

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

_SHOWN = f"e.id AS number, {ENTRY_COLUMNS}, s.place"

_OF_USER = f"""
SELECT {_SHOWN} FROM trail_entry e LEFT JOIN trail_seal s ON s.entry_id = e.id
WHERE e.user_id = $1 AND ($2::bigint IS NULL OR e.id < $2) ORDER BY e.id DESC LIMIT $3
"""  # noqa: S608  # The columns are our own constant.

# Besides what names the transfer: what became of its notifications, by their places, and of its events.
# A place holds from its epoch on, until the one in which a rebuild says another.
# A range whose length has n digits holds the place only if it begins less than 10^n before it: so of each
# such length only what begins near by is read, however long the user's trail is.
_CONCERNED = f"""
WITH told AS MATERIALIZED (
    SELECT t.*, coalesce(lead(t.epoch) OVER places, greatest(t.epoch, s.epoch) + 1) AS until
    FROM ({{told}}) AS t LEFT JOIN stream s USING (user_id)
    WINDOW places AS (PARTITION BY t.user_id, t.event_id, t.epoch IS NULL ORDER BY t.id)
), concerned AS (
    SELECT id FROM told
    UNION
    SELECT e.id FROM told t JOIN trail_entry e USING (user_id)
    WHERE e.what IN ('parked', 'discarded', 'read', 'rebuilt') AND e.event_id = t.event_id AND e.id > t.id
    UNION
    SELECT e.id FROM told t JOIN trail_entry e USING (user_id)
    WHERE e.what = 'rebuilt' AND e.event_id IS NULL AND e.id > t.id AND t.seq IS NOT NULL
    UNION
    SELECT e.id FROM told t CROSS JOIN generate_series(1, 18) AS n JOIN trail_entry e USING (user_id)
    WHERE length((e.up_to - e.seq)::text) = n AND e.seq > t.seq - (10 ^ n)::bigint AND e.seq <= t.seq
        AND e.up_to >= t.seq AND e.epoch >= t.epoch AND e.epoch < t.until AND e.id > t.id
)
SELECT {_SHOWN} FROM concerned JOIN trail_entry e USING (id) LEFT JOIN trail_seal s ON s.entry_id = e.id
WHERE $2::bigint IS NULL OR e.id < $2 ORDER BY e.id DESC LIMIT $3
"""  # noqa: S608  # As above.

_TOLD = "SELECT id, user_id, event_id, epoch, seq FROM trail_entry"
_OF_TRANSFER = _CONCERNED.format(told=f"{_TOLD} WHERE transfer_id = $1")
_OF_REFERENCE = _CONCERNED.format(
    told=f"""
    {_TOLD} WHERE detail ->> 'reference' = $1
    UNION
    {_TOLD} WHERE transfer_id IN (
        SELECT transfer_id FROM trail_entry WHERE detail ->> 'reference' = $1 AND transfer_id IS NOT NULL
    )
    """  # noqa: S608  # As above.
)

# Checkpoints follow each other without a gap, so the first that reaches the seal has it.
_COVER = """
SELECT s.place, c.* FROM (
    SELECT place, number FROM trail_seal
    WHERE user_id = $1 AND number <= (SELECT max(up_to) FROM trail_checkpoint) ORDER BY place DESC LIMIT 1
) s JOIN LATERAL (
    SELECT * FROM trail_checkpoint WHERE up_to >= s.number ORDER BY up_to LIMIT 1
) c ON true
"""

# By the seal: its entry may be gone, or be said to be somebody else's.
_SEALED = f"""
SELECT s.place, s.hash, {ENTRY_COLUMNS} FROM trail_seal s JOIN trail_entry e ON e.id = s.entry_id
WHERE s.user_id = $1 AND s.place > $2 AND s.place <= $3 ORDER BY s.place LIMIT $4
"""  # noqa: S608  # As above.

_LATER = f"""
SELECT s.place, e.id, {ENTRY_COLUMNS} FROM trail_entry e LEFT JOIN trail_seal s ON s.entry_id = e.id
WHERE e.user_id = $1 AND (s.place IS NULL OR (s.user_id = $1 AND s.place > $2))
ORDER BY s.place NULLS LAST, e.id
"""  # noqa: S608  # As above.


async def of_user(tx: Transaction, user_id: str, before: int | None, limit: int) -> list[Record]:
    return await tx.fetch(_OF_USER, user_id, before, limit)


async def of_transfer(tx: Transaction, transfer_id: UUID, before: int | None, limit: int) -> list[Record]:
    return await tx.fetch(_OF_TRANSFER, transfer_id, before, limit)


async def of_reference(tx: Transaction, reference: str, before: int | None, limit: int) -> list[Record]:
    return await tx.fetch(_OF_REFERENCE, reference, before, limit)


async def is_known(tx: Transaction, user_id: str) -> bool:
    """Whether there is, or was, anything in the trail about this user."""
    row = await tx.fetchrow(
        "SELECT EXISTS (SELECT FROM trail_entry WHERE user_id = $1)"
        " OR EXISTS (SELECT FROM trail_seal WHERE user_id = $1) AS known",
        user_id,
    )
    return row is not None and row["known"]


async def cover(tx: Transaction, user_id: str) -> Record | None:
    """The last checkpoint over the user's chain, and the chain's ``place`` in it."""
    return await tx.fetchrow(_COVER, user_id)


async def sealed(tx: Transaction, user_id: str, after: int, up_to: int, at_most: int) -> Sequence[Record]:
    """Entries by their places, with the hashes that are kept there."""
    return await tx.fetch(_SEALED, user_id, after, up_to, at_most)


async def later(tx: Transaction, user_id: str, place: int) -> Sequence[Record]:
    """Entries that came after the one at ``place``, whether they are sealed or not."""
    return await tx.fetch(_LATER, user_id, place)
