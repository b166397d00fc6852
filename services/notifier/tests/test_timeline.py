"""A transfer is found in its user's trail without reading all of it, whenever it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from notifier.adapters import timeline
from shared.db import Database, Transaction

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db.database import AnyConnection

pytestmark = pytest.mark.servers

TRANSFERS = 10_000  # Of one user, and as many of each of three others between them.

# Each is pushed and acknowledged at once. Every hundredth is read with all before it, and every thousandth
# pushed once more, with the five hundred before it, to a tab that was away.
_FILL = """
WITH moved AS (
    SELECT n, CASE n % 4 WHEN 0 THEN $1 ELSE $1 || n % 4 END AS user_id, 1 + n / 4 AS seq
    FROM generate_series(0, 4 * $2::int - 1) AS n
), streams AS (
    INSERT INTO stream (user_id, last_seq, unread, rev)
    SELECT user_id, max(seq), 0, max(seq) FROM moved GROUP BY user_id
)
INSERT INTO trail_entry (user_id, what, epoch, event_id, transfer_id, seq, up_to)
SELECT user_id, what, 1, CASE what WHEN 'stored' THEN gen_random_uuid() END,
    CASE what WHEN 'stored' THEN lpad(n::text, 32, '0')::uuid END, greatest(seq - back, 1),
    CASE what WHEN 'stored' THEN NULL ELSE seq END
FROM moved CROSS JOIN (
    VALUES (1, 'stored', 1, 0), (2, 'pushed', 1, 0), (3, 'acknowledged', 1, 0), (4, 'read', 100, 99),
        (5, 'pushed', 1000, 499)
) AS told(place, what, every, back)
WHERE seq % every = 0
ORDER BY n, place
"""


class Explained(Transaction):
    """Runs what it is given and returns the plan, with what was counted meanwhile."""

    async def fetch(self, sql: str, *arguments: object) -> list[Record]:
        return await super().fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)


@pytest.fixture(scope="module")
async def heavy(owner: AnyConnection) -> None:
    await owner.execute(_FILL, "heavy", TRANSFERS)
    await owner.execute("ANALYZE trail_entry")


@pytest.mark.parametrize("seq", [1, 4_600, TRANSFERS], ids=["oldest", "middle", "newest"])
async def test_of_a_long_trail_only_what_is_near_the_transfer_is_read(
    db: Database, heavy: None, seq: int
) -> None:
    transfer_id = UUID(f"{4 * (seq - 1):032d}")
    read_by, pushed_by = -(-seq // 100) * 100, -(-seq // 1000) * 1000
    again = [("pushed", max(pushed_by - 499, 1), pushed_by)] if seq > pushed_by - 500 else []
    expected = [
        *again,
        ("read", read_by - 99, read_by),
        ("acknowledged", seq, seq),
        ("pushed", seq, seq),
        ("stored", seq, None),
    ]

    async with db.autocommit() as tx:
        found = await timeline.of_transfer(tx, transfer_id, None, 101)
        [(explained,)] = await timeline.of_transfer(Explained(tx.connection), transfer_id, None, 101)

    told = [(row["what"], row["seq"], row["up_to"]) for row in found]
    assert sorted(told, key=str) == sorted(expected, key=str)
    assert sum(map(rows_read, nodes(explained[0]["Plan"]))) < 100, explained


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def rows_read(node: dict[str, Any]) -> float:
    """Of a table, whether they were wanted or not."""
    if "Relation Name" not in node:
        return 0
    counts = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return float(sum(node.get(count, 0) for count in counts) * node["Actual Loops"])
