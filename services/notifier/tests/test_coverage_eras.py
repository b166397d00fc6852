"""A ledger that was restored from an earlier moment states other transfers under numbers that were heard."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifier.adapters import coverage
from notifier.handlers.coverage import StatementStore
from services.notifier.tests.conftest import CreditAdder, Fill
from services.notifier.tests.test_coverage import BEGAN, figures, named, statement, transfer_of
from shared.db import Database
from shared.events.coverage import Era

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("nothing_stated")]

FIRST = Era(BEGAN, 1)


def later(hours: int, first: int) -> Era:
    return Era(BEGAN + timedelta(hours=hours), first)


async def heard_up_to(db: Database) -> int:
    async with db.autocommit() as tx:
        row = await tx.fetchrow("SELECT heard_up_to FROM coverage_ledger")
    assert row is not None
    return int(row["heard_up_to"])


async def missing(db: Database) -> list[int]:
    """What is asked for, when it is overdue."""
    async with db.transaction() as tx:
        return await coverage.take_missing(tx, -1, -1)


async def test_what_is_stated_under_a_number_that_was_heard_is_checked(
    db: Database, fill: Fill, added: CreditAdder, user_id: str
) -> None:
    store = StatementStore(db)
    shown = [transfer_of(event) for event in await fill(user_id, 5)]
    await store([statement(number, line) for number, line in enumerate(shown, start=1)])
    await store([statement(7)])  # And 6 is on its way when the ledger goes back to 3.
    lost = [transfer_of(added(user_id)) for _ in range(2)]
    eras = [FIRST, later(1, 4)]

    await store([statement(4, lost[0], eras=eras)])
    assert await heard_up_to(db) == 4
    await store([statement(6, lost[1], eras=eras), statement(4, lost[0], eras=eras)])

    assert sorted(await named(db)) == sorted(line.id for line in lost)
    assert ((await figures(db)).statements_missing, await missing(db)) == (1, [5])
    await store([statement(5, eras=eras)])
    assert (await heard_up_to(db), (await figures(db)).statements_missing) == (6, 0)
    assert (await figures(db)).stated == 7


async def test_where_nothing_was_undone_nothing_is_heard_twice(
    db: Database, fill: Fill, user_id: str
) -> None:
    """Its server was only started again."""
    store = StatementStore(db)
    shown = [transfer_of(event) for event in await fill(user_id, 4)]
    await store([statement(1, shown[0]), statement(2, shown[1])])
    eras = [later(1, 4), FIRST]

    await store([statement(4, shown[3], eras=eras)])
    assert await missing(db) == [3]
    await store([statement(number, shown[number - 1], eras=eras) for number in (1, 2, 3)])

    assert (await heard_up_to(db), (await figures(db)).stated) == (4, 4)
    assert (await figures(db)).percent == 100


async def test_what_was_told_before_a_restore_and_comes_after_it_counts_for_nothing(
    db: Database, added: CreditAdder, user_id: str
) -> None:
    store = StatementStore(db)
    await store([statement(1), statement(2)])
    await store([statement(2, eras=[FIRST, later(1, 2)])])

    await store([statement(3, transfer_of(added(user_id)))])

    assert (await heard_up_to(db), (await figures(db)).stated) == (2, 0)


async def test_a_restore_of_which_nothing_was_heard_is_known_by_the_next_statement(
    db: Database, added: CreditAdder, user_id: str
) -> None:
    """All that was told in the era between is lost; numbers are as high as before."""
    store = StatementStore(db)
    await store([statement(number) for number in range(1, 9)])

    await store([statement(9, eras=[later(2, 9), later(1, 6), FIRST])])

    assert await heard_up_to(db) == 5
    assert await missing(db) == [6, 7, 8]
