"""Work that is due is done, by one at a time, and again where it was cut off."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from shared.db import Database
from shared.db.errands import AT_ONCE, Errands
from shared.observability.trace import current_trace
from shared.testing.waiting import until
from shared.testing.working import working

TABLE = sa.Table("errand", sa.MetaData())


@pytest.fixture(autouse=True)
async def nothing_due(db: Database) -> AsyncIterator[None]:
    yield
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM errand")


async def make_due(db: Database, count: int = 1, correlation_id: str | None = None) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    async with db.transaction() as tx:
        await tx.execute(
            "INSERT INTO errand (id, due_at, correlation_id) SELECT unnest($1::uuid[]), now(), $2",
            ids,
            correlation_id,
        )
    return ids


class Doing:
    """Does what it is given, and takes it off the list."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.done: Counter[UUID] = Counter()
        self.correlation_ids: set[str] = set()

    async def __call__(self, id_: UUID) -> None:
        self.done[id_] += 1
        trace = current_trace()
        assert trace is not None
        self.correlation_ids.add(trace.correlation_id)
        async with self._db.transaction() as tx:
            await tx.execute("UPDATE errand SET due_at = NULL WHERE id = $1", id_)


async def done(doing: Doing, ids: list[UUID]) -> None:
    async def all_done() -> bool:
        return doing.done.keys() >= set(ids)

    await until(all_done)


async def test_what_is_due_is_done_once_though_several_look_for_it(db: Database) -> None:
    doing = Doing(db)
    ids = await make_due(db, 5 * AT_ONCE)
    async with working(*(Errands(db, TABLE, doing).run for _ in range(3))):
        await done(doing, ids)

    assert doing.done == Counter(ids)


async def test_a_nudge_is_not_missed_while_it_looks(db: Database) -> None:
    doing = Doing(db)
    errands = Errands(db, TABLE, doing)
    async with working(errands.run):
        for _ in range(50):
            ids = await make_due(db)
            errands.nudge()
            await done(doing, ids)

    assert doing.done.total() == 50


async def test_an_errand_belongs_to_the_story_that_made_it_due(db: Database) -> None:
    doing = Doing(db)
    ids = await make_due(db, correlation_id="a-story")
    async with working(Errands(db, TABLE, doing).run):
        await done(doing, ids)

    assert doing.correlation_ids == {"a-story"}


async def test_what_failed_or_was_cut_off_is_done_again_when_its_lease_is_over(db: Database) -> None:
    tries: Counter[UUID] = Counter()
    doing = Doing(db)

    async def fail_first(id_: UUID) -> None:
        tries[id_] += 1
        if tries[id_] == 1:
            raise RuntimeError("at the first try")
        await doing(id_)

    ids = await make_due(db, 3)
    async with working(Errands(db, TABLE, fail_first, lease_seconds=0.2).run):
        await done(doing, ids)

    assert tries == Counter(ids * 2)


async def test_errands_that_hang_hold_up_nobody_outside_their_lane(db: Database) -> None:
    doing = Doing(db)
    released = asyncio.Event()
    hanging = most = 0

    async def do(id_: UUID) -> None:
        nonlocal hanging, most
        if id_ in silent:
            hanging += 1
            most = max(most, hanging)
            await released.wait()
            hanging -= 1
        await doing(id_)

    async def full() -> bool:
        return hanging == AT_ONCE

    silent = await make_due(db, 2 * AT_ONCE, correlation_id="silent")
    async with working(Errands(db, TABLE, do, lane="correlation_id").run):
        await until(full)
        others = await make_due(db, 2 * AT_ONCE, correlation_id="answers")
        await done(doing, others)
        released.set()
        await done(doing, silent)

    assert most == AT_ONCE
    assert doing.done == Counter(silent + others)


async def test_no_more_are_taken_than_can_be_begun(db: Database) -> None:
    at_once = most = 0
    doing = Doing(db)
    released = asyncio.Event()

    async def hold(id_: UUID) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if most == AT_ONCE:
            released.set()
        await released.wait()
        await doing(id_)
        at_once -= 1

    ids = await make_due(db, 2 * AT_ONCE)
    async with working(Errands(db, TABLE, hold).run):
        await done(doing, ids)

    assert most == AT_ONCE
    assert doing.done == Counter(ids)
