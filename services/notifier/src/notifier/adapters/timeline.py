"""Reads the trail: an operator's timeline, newest first, and a user's whole chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters.seals import ENTRY_COLUMNS, IS_SETTLED, SETTLED

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

# The first checkpoint that reaches the user's last seal has it, unless the one that had was taken away.
# All that was sealed after that seal is above what was settled a checkpoint before.
_COVER = f"""
SELECT s.place, s.number AS seal, c.*, coalesce(({SETTLED}), 0) AS settled_now, coalesce((
    SELECT c.settled FROM trail_checkpoint c
    WHERE c.up_to < s.number AND {IS_SETTLED} ORDER BY c.up_to DESC LIMIT 1
), 0) AS settled_before, EXISTS (SELECT FROM trail_checkpoint WHERE number = c.number - 1) AS is_next
FROM (SELECT max(up_to) AS number FROM trail_checkpoint) AS last
LEFT JOIN LATERAL (
    SELECT place, number FROM trail_seal
    WHERE user_id = $1 AND number <= last.number ORDER BY place DESC LIMIT 1
) s ON true
LEFT JOIN LATERAL (
    SELECT * FROM trail_checkpoint WHERE up_to >= s.number ORDER BY up_to LIMIT 1
) c ON true
"""  # noqa: S608  # As above.

# By the seal: its entry may be gone, or be said to be somebody else's.
_SEALED = f"""
SELECT s.place, s.hash, {ENTRY_COLUMNS} FROM trail_seal s JOIN trail_entry e ON e.id = s.entry_id
WHERE s.user_id = $1 AND s.place > $2 AND s.place <= $3 ORDER BY s.place LIMIT $4
"""  # noqa: S608  # As above.

# Sealed since, or not at all: each by its own index, and neither reads what came before.
_LATER = f"""
SELECT s.place, e.id, {ENTRY_COLUMNS} FROM trail_seal s JOIN trail_entry e ON e.id = s.entry_id
WHERE s.user_id = $1 AND s.place > $2
UNION ALL
SELECT NULL, e.id, {ENTRY_COLUMNS} FROM trail_entry e
WHERE e.user_id = $1 AND e.id > $3
    AND NOT EXISTS (SELECT FROM trail_seal s WHERE s.entry_id = e.id AND s.entry_id > $3 AND s.user_id = $1)
ORDER BY place NULLS LAST, id
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


async def cover(tx: Transaction, user_id: str) -> Record:
    """The user's last seal under a checkpoint, by ``place`` and ``seal``, and the checkpoint that reaches it.

    ``place`` is None where there is no such seal, ``is_next``: the checkpoint before is there. All entries
    up to ``settled_now`` were sealed, and all up to ``settled_before`` before that seal.
    """
    row = await tx.fetchrow(_COVER, user_id)
    assert row is not None
    return row


async def sealed(tx: Transaction, user_id: str, after: int, up_to: int, at_most: int) -> Sequence[Record]:
    """Entries by their places, with the hashes that are kept there."""
    return await tx.fetch(_SEALED, user_id, after, up_to, at_most)


async def later(tx: Transaction, user_id: str, place: int, after: int) -> Sequence[Record]:
    """Entries that were sealed after the one at ``place``, and those above the id ``after`` without any."""
    return await tx.fetch(_LATER, user_id, place, after)
