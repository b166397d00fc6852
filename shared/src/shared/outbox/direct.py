"""Publishes events right after their commit; whatever does not get through is the relay's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from prometheus_client import Counter, Histogram

from shared.db import Database
from shared.db.database import UNREACHABLE
from shared.messaging import BrokerAway, Publisher
from shared.observability.logs import get_logger
from shared.observability.metrics import LATENCY_BUCKETS_SECONDS
from shared.outbox.table import mark_sent, to_message

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

MAX_WAITING = 20_000  # Beyond this the rows stay in the table only; memory must not grow with an outage.
BATCH = 200
IN_FLIGHT = 4
MARK_EVERY_SECONDS = 0.05

PUBLISHED = Counter("outbox_published_total", "Events confirmed by the broker.", ["path"])
CONFIRM_SECONDS = Histogram(
    "outbox_confirm_seconds", "From sending a batch to its confirms.", buckets=LATENCY_BUCKETS_SECONDS
)


class DirectPublisher:
    """Takes rows the moment they are committed and never makes their transaction wait.

    All that waits goes out in one write; confirmed rows are marked as sent in batches. Losing everything in
    here costs a little delay: the rows are in the table.
    """

    def __init__(self, db: Database, publisher: Publisher, source: str) -> None:
        self._db = db
        self._publisher = publisher
        self._source = source
        self._waiting: list[Record] = []
        self._arrived = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._confirmed: list[UUID] = []
        self._some_confirmed = asyncio.Event()

    def committed(self, rows: Iterable[Record]) -> None:
        """Hand over outbox rows whose transaction has committed. Returns at once."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.extend(rows)
            self._arrived.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._mark_confirmed())
            while True:
                await self._arrived.wait()
                await self._slots.acquire()
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                if not self._waiting:
                    self._arrived.clear()
                tasks.create_task(self._send(batch))

    async def _send(self, batch: list[Record]) -> None:
        try:
            messages = [to_message(row, self._source) for row in batch]
            with CONFIRM_SECONDS.time():
                receipt = await self._publisher.send_batch(messages)
        except BrokerAway:
            return  # The relay publishes them when the broker is back.
        finally:
            self._slots.release()
        if receipt.returned:
            log.error("outbox.unroutable", events=sorted(receipt.returned))
        if receipt.confirmed:
            PUBLISHED.labels("direct").inc(len(receipt.confirmed))
            self._confirmed.extend(map(UUID, receipt.confirmed))
            self._some_confirmed.set()

    async def _mark_confirmed(self) -> None:
        while True:
            await self._some_confirmed.wait()
            await asyncio.sleep(MARK_EVERY_SECONDS)  # Gathers a batch: one statement instead of many.
            self._some_confirmed.clear()
            ids, self._confirmed = self._confirmed, []
            try:
                async with self._db.transaction() as tx:
                    await mark_sent(tx, ids)
            except (*UNREACHABLE, asyncpg.PostgresError) as error:  # The relay may hold their locks.
                log.warning("outbox.not_marked", rows=len(ids), error=repr(error))
