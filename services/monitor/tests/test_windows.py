"""What lies around a moment is found without reading all of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from monitor.adapters import windows
from monitor.domain.rules import WindowRule
from services.monitor.tests.facts import NOON, one, spent
from shared.db import Transaction

if TYPE_CHECKING:
    from asyncpg import Record

    from services.monitor.tests.desk import Desk

DEBITS = 5_000  # Of one user, in the half hour before.


class Explaining(Transaction):
    """Asks how each query is run, and keeps how many rows of a table it has read."""

    read = 0.0

    async def fetch(self, sql: str, *arguments: object) -> list[Record]:
        (row,) = await super().fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
        plan = row[0][0]["Plan"]
        self.read += sum(rows_read(node) for node in nodes(plan) if "Relation Name" in node)
        return await super().fetch(sql, *arguments)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)


def rows_read(node: dict[str, Any]) -> float:
    counts = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return float(sum(node.get(count, 0) for count in counts) * node["Actual Loops"])


@pytest.mark.parametrize(
    ("name", "amount", "found"),
    [("same-amount", "1", 3), ("same-amount", "n", 2), ("small-debits", "1", 5)],
    ids=["the same", "each another", "small"],
)
async def test_of_a_busy_users_debits_only_the_nearest_are_read(
    desk: Desk, user: str, name: str, amount: str, found: int
) -> None:
    rule, observed = one(name), spent(0, 1, user_id=user)
    assert isinstance(rule, WindowRule)
    look = rule.look(observed)
    assert look is not None
    async with desk.db.transaction() as tx:
        await tx.execute(
            f"""
            INSERT INTO observation (subject, kind, user_id, at, currency, amount_minor)
            SELECT gen_random_uuid(), 'spent', $1, $2::timestamptz - make_interval(secs => n * 0.3), 'USD',
                {amount} FROM generate_series(1, $3::int) AS n
            """,  # noqa: S608  # As named above.
            user,
            NOON,
            DEBITS,
        )
        explaining = Explaining(tx.connection)

        around = await windows.around(explaining, observed, look, rule.within)

    assert len(around) == found
    assert explaining.read < 2 * found
