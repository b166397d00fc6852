"""Events that lie in the product's outbox, on their way out by both its paths."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
import uvloop
from sqlalchemy.dialects import postgresql

from bench.child import Commands, Json
from bench.config import Config
from bench.published import EVENT
from shared.db import Database
from shared.messaging import Message, Publisher
from shared.messaging.publisher import PUBLISH_TIMEOUT_SECONDS, Receipt
from shared.observability.logs import configure_logs
from shared.outbox import OUTBOX_COLUMNS, DirectPublisher, Relay, outbox_table, sent_table
from shared.outbox.relay import AT_ONCE
from shared.testing.waiting import until

if TYPE_CHECKING:
    from asyncpg import Record

SERVICE = "credit"
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it.
# Older than what the relay leaves to the direct path.
COMMIT = f"""
INSERT INTO outbox (id, type, user_id, occurred_at, data, traceparent, correlation_id)
SELECT gen_random_uuid(), $2, 'bench', now() - make_interval(secs => 60), $3,
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', gen_random_uuid()::text
FROM generate_series(1, $1) RETURNING {OUTBOX_COLUMNS}
"""


class CountingPublisher(Publisher):
    """Tells when as many as are waited for have been confirmed."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        self.missing = 0
        self.complete = asyncio.Event()

    async def send_batch(
        self, messages: Sequence[Message], timeout: float = PUBLISH_TIMEOUT_SECONDS
    ) -> Receipt:
        receipt = await super().send_batch(messages, timeout)
        self.missing -= len(receipt.confirmed)
        if self.missing <= 0:
            self.complete.set()
        return receipt


class Ways:
    """The commands that the harness gives; each begins with ``count`` events that have been committed."""

    def __init__(self, db: Database, publisher: CountingPublisher) -> None:
        self._db = db
        self._publisher = publisher
        self.direct = DirectPublisher(db, publisher, SERVICE)
        self._relay = Relay(db, publisher, SERVICE)

    async def publish(self, command: Json) -> Json:
        """Straight after the commit: until the last is confirmed; only the last deletions are left out."""
        rows = await self._commit(command["count"])
        self._publisher.missing = len(rows)
        self._publisher.complete.clear()
        began = time.monotonic()
        self.direct.committed(rows)
        await self._publisher.complete.wait()
        seconds = time.monotonic() - began
        await until(self._is_empty)
        return {"seconds": seconds}

    async def relay(self, command: Json) -> Json:
        """Read from the table, confirmed, deleted: until the table is empty."""
        await self._commit(command["count"])
        began = time.monotonic()
        async with asyncio.TaskGroup() as relaying:
            for _ in range(AT_ONCE):
                relaying.create_task(self._relay_all())
        seconds = time.monotonic() - began
        assert await self._is_empty(), "the relay has left events behind"
        return {"seconds": seconds}

    async def _relay_all(self) -> None:
        while await self._relay.relay_batch():
            pass

    async def _commit(self, count: int) -> list[Record]:
        async with self._db.transaction() as tx:
            return await tx.fetch(COMMIT, count, EVENT.TYPE, EVENT.model_dump(mode="json"))

    async def _is_empty(self) -> bool:
        async with self._db.autocommit() as tx:
            return not await tx.fetch("SELECT FROM outbox LIMIT 1")


async def create_table(database_url: str) -> None:
    """The outbox, and what was sent, as every service has them."""
    metadata = sa.MetaData()
    db = Database(database_url, application="bench", pool_size=1)
    await db.connect()
    async with db.transaction() as tx:
        for table in (outbox_table(metadata), sent_table(metadata)):
            await tx.execute(str(sa.schema.CreateTable(table).compile(dialect=DIALECT)))
    await db.close()


async def main() -> None:
    commands, settings = await Commands.open()
    configure_logs("bench", "WARNING")
    config = Config(**settings)
    db = Database(config.database_url, application="bench", pool_size=3)
    await db.connect()
    publisher = CountingPublisher(config.broker_url, "bench")
    ways = Ways(db, publisher)
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(publisher.run()), tasks.create_task(ways.direct.run())]
        await publisher.linked.wait()
        await commands.serve({"publish": ways.publish, "relay": ways.relay})
        for task in background:
            task.cancel()
    await db.close()


if __name__ == "__main__":
    uvloop.run(main())
