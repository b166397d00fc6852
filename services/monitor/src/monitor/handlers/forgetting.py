"""Forgets what no window holds any more."""

from __future__ import annotations

from datetime import timedelta

from monitor.adapters import windows
from monitor.domain.rules import HABIT_DAYS
from shared.db import Database
from shared.db.sweep import sweep

KEPT = timedelta(days=HABIT_DAYS + 2)  # A window looks as far back from an event that comes late.


class Forgetting:
    BATCH = 1000
    POLL_SECONDS = 60.0

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run(self) -> None:
        await sweep(
            self.forget_batch,
            size=self.BATCH,
            every_seconds=self.POLL_SECONDS,
            failed="windows.not_forgotten",
        )

    async def forget_batch(self) -> int:
        """Returns how many rows were deleted."""
        async with self._db.autocommit() as tx:
            return await windows.forget(tx, KEPT, self.BATCH)
