"""Reads the whole trail from its beginning, so much at a time as nobody notices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from notifier.adapters.seals import ENTRY_COLUMNS

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

# A plan may have been made while the tables were empty, and kept.
_BY_INDEX = "SELECT set_config('enable_seqscan', 'off', true)"

_CHECKPOINTS = """
(SELECT * FROM trail_checkpoint WHERE number <= $1 ORDER BY number DESC LIMIT 1)
UNION ALL
(SELECT * FROM trail_checkpoint WHERE number > $1 ORDER BY number LIMIT 1)
ORDER BY number
"""

_SEALS = f"""
SELECT s.user_id AS owner, s.place, s.number, s.hash AS sealed, p.number AS number_before, p.hash AS before,
    CASE WHEN p.place IS NULL THEN (
        SELECT max(place) FROM trail_seal WHERE user_id = s.user_id AND place < s.place
    ) END AS last, e.id, {ENTRY_COLUMNS}
FROM (
    SELECT * FROM trail_seal WHERE number > $1 AND number <= $2 ORDER BY number LIMIT $3
) s
LEFT JOIN trail_seal p ON p.user_id = s.user_id AND p.place = s.place - 1
LEFT JOIN trail_entry e ON e.id = s.entry_id
ORDER BY s.number
"""  # noqa: S608  # The columns are our own constant.

_REACH = """
SELECT count(*) AS seals, max(number) AS up_to, $4 = 0 OR EXISTS (
    SELECT FROM trail_seal WHERE entry_id = $4 AND number <= $2
) AS is_settled
FROM (
    SELECT number FROM trail_seal WHERE number > $1 AND number <= $2 ORDER BY number LIMIT $3
) AS covered
"""

_UNSEALED = """
WITH looked AS MATERIALIZED (
    SELECT id, user_id FROM trail_entry WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
)
SELECT (SELECT max(id) FROM looked) AS reached, array_agg(user_id ORDER BY id) AS users,
    array_agg(id ORDER BY id) AS ids
FROM looked WHERE NOT EXISTS (SELECT FROM trail_seal WHERE entry_id = looked.id)
"""


async def prepare(tx: Transaction) -> None:
    await tx.execute(_BY_INDEX)


async def checkpoints(tx: Transaction, number: int) -> tuple[Record | None, Record | None]:
    """The last up to this number, and the next one."""
    rows = await tx.fetch(_CHECKPOINTS, number)
    before = next((row for row in rows if row["number"] <= number), None)
    return before, next((row for row in rows if row["number"] > number), None)


async def seals(tx: Transaction, after: int, up_to: int, at_most: int) -> Sequence[Record]:
    """By their numbers, each with its entry (``id`` is None: gone) and the seal before it in its chain.

    Where that is gone, ``last`` is the place of the last before it that is there.
    """
    return await tx.fetch(_SEALS, after, up_to, at_most)


async def reach(tx: Transaction, after: int, up_to: int, settled: int, at_most: int) -> Record:
    """How many seals there are between these numbers, as far as ``at_most``, and ``up_to`` which.

    ``is_settled``: the entry ``settled`` has a seal there or before, or it is 0.
    """
    row = await tx.fetchrow(_REACH, after, up_to, at_most, settled)
    assert row is not None
    return row


async def unsealed(tx: Transaction, after: int, up_to: int, at_most: int) -> Record:
    """Of so many entries, the ``ids`` and ``users`` of those without a seal.

    ``reached`` is the id of the last that was looked at; None where there are none.
    """
    row = await tx.fetchrow(_UNSEALED, after, up_to, at_most)
    assert row is not None
    return row
