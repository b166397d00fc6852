"""The monitor's insides on a real database: facts in, flags out, whichever replica does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from multiprocessing import get_context
from typing import TYPE_CHECKING

from monitor.handlers.observe import observe
from shared.db import Database
from shared.outbox import Outbox

if TYPE_CHECKING:
    from asyncpg import Record

    from monitor.domain.observation import Observation
    from monitor.domain.rules import Rule

NOWHERE = "amqp://none:none@127.0.0.1:1/none"

# Each process is a fork of one that has imported everything and observed nothing.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload(["pytest", "monitor.main"])


class Desk:
    """One replica. Its events stay in the outbox: nothing of it runs."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.outbox = Outbox(db, NOWHERE, "monitor")

    async def observe(self, rules: Sequence[Rule], facts: Iterable[Observation]) -> None:
        for observed in facts:
            async with self.outbox.transaction() as tx:
                await observe(tx, rules, observed)

    async def flags(self, user_id: str) -> list[Record]:
        """The user's, in the order in which they were made."""
        async with self.db.autocommit() as tx:
            return await tx.fetch("SELECT * FROM flag WHERE user_id = $1 ORDER BY number", user_id)

    async def published(self, user_id: str) -> list[Record]:
        async with self.db.autocommit() as tx:
            return await tx.fetch(
                "SELECT type, data FROM outbox WHERE user_id = $1 ORDER BY occurred_at, id", user_id
            )


async def observe_alone(url: str, rules: Sequence[Rule], observed: Observation) -> None:
    """By a replica that is started for this fact and ends with it."""
    process = _PROCESSES.Process(target=_observe_alone, args=(url, rules, observed))
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode == 0


def _observe_alone(url: str, rules: Sequence[Rule], observed: Observation) -> None:
    async def observing() -> None:
        db = Database(url, application="tests", pool_size=1)
        await db.connect()
        await Desk(db).observe(rules, [observed])
        await db.close()

    asyncio.run(observing())
