"""Forgets what no window holds any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from monitor.adapters import windows
from monitor.domain.rules import HABIT_DAYS
from shared.db import Database
from shared.db.database import UNREACHABLE
from shared.observability.logs import get_logger

log = get_logger(__name__)

KEPT = timedelta(days=HABIT_DAYS + 2)  # A window looks as far back from an event that comes late.


class Forgetting:
    BATCH = 1000
    POLL_SECONDS = 60.0

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run(self) -> None:
        while True:
            deleted = 0
            try:
                deleted = await self.forget_batch()
            except (asyncpg.LockNotAvailableError, *UNREACHABLE) as error:
                log.warning("windows.not_forgotten", error=repr(error))
            if deleted < self.BATCH:
                await asyncio.sleep(self.POLL_SECONDS)

    async def forget_batch(self) -> int:
        """Returns how many rows were deleted."""
        async with self._db.autocommit() as tx:
            return await windows.forget(tx, KEPT, self.BATCH)
