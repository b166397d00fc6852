"""The monitor's insides on a real database: facts in, flags out, whichever replica does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from monitor.handlers.observe import observe
from shared.db import Database
from shared.outbox import Outbox

if TYPE_CHECKING:
    from asyncpg import Record

    from monitor.domain.observation import Observation
    from monitor.domain.rules import Rule

NOWHERE = "amqp://none:none@127.0.0.1:1/none"


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
            return await tx.fetch("SELECT type, data FROM outbox WHERE user_id = $1 ORDER BY id", user_id)
