"""How many refunds wait for a person, as a metric: an alert may be missed, and a number stays."""

from __future__ import annotations

import asyncio

import asyncpg
from prometheus_client import Gauge

from refund.adapters import refunds
from refund.domain.pace import Pace
from shared.db import Database
from shared.db.database import UNREACHABLE
from shared.observability.logs import get_logger

log = get_logger(__name__)

STUCK = Gauge("refunds_stuck", "Refunds that the janitor's steps did not end, at the last count.")


class StuckWatch:
    POLL_SECONDS = 60.0

    def __init__(self, db: Database, pace: Pace) -> None:
        self._db = db
        self._pace = pace

    async def run(self) -> None:
        while True:
            try:
                await self.count()
            except (asyncpg.PostgresError, *UNREACHABLE) as error:
                log.warning("refunds.not_counted", error=repr(error))
            await asyncio.sleep(self.POLL_SECONDS)

    async def count(self) -> None:
        async with self._db.autocommit() as tx:
            STUCK.set(await refunds.count_stuck(tx, self._pace.last))
