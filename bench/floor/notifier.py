"""Stores what it consumes, a batch a statement, then publishes the batch and acknowledges it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aio_pika
import asyncpg
import orjson
import uvloop
from aio_pika.abc import AbstractIncomingMessage

from bench.child import Commands
from bench.config import Config
from bench.floor.schema import NOTIFICATIONS, STORE, WORK

PREFETCH = 500
BATCH = 200

Tell = Callable[[list[asyncpg.Record]], Awaitable[None]]


class Notifier:
    """No linger: a batch is what piled up while the one before was being committed."""

    def __init__(self, pool: asyncpg.Pool, tell: Tell) -> None:
        self._pool = pool
        self._tell = tell
        self._arrived: list[AbstractIncomingMessage] = []
        self._something = asyncio.Event()

    async def take(self, message: AbstractIncomingMessage) -> None:
        self._arrived.append(message)
        self._something.set()

    async def work(self) -> None:
        while True:
            await self._something.wait()
            batch, self._arrived = self._arrived[:BATCH], self._arrived[BATCH:]
            if not self._arrived:
                self._something.clear()
            if batch:
                await self._store(batch)

    async def _store(self, batch: list[AbstractIncomingMessage]) -> None:
        events = [orjson.loads(message.body) for message in batch]
        rows = await self._pool.fetch(
            STORE,
            [message.message_id for message in batch],
            [event["user_id"] for event in events],
            [event["transfer_id"] for event in events],
            [text(event["amount"], event["reason"], event["balance_after"]) for event in events],
        )
        await self._tell(rows)
        await batch[-1].ack(multiple=True)


def text(amount: int, reason: str, balance: int) -> str:
    return f"💳 Credits Deducted - ${amount / 100:.2f} for {reason}. New balance: ${balance / 100:,.2f}"


@asynccontextmanager
async def publishing(config: Config) -> AsyncIterator[Tell]:
    """Tells every gateway, a message a batch."""
    async with await aio_pika.connect_robust(config.broker_url) as broker:
        channel = await broker.channel()
        notifications = await channel.get_exchange(NOTIFICATIONS, ensure=False)

        async def tell(rows: list[asyncpg.Record]) -> None:
            body = orjson.dumps([dict(row) for row in rows], default=str)
            await notifications.publish(aio_pika.Message(body), routing_key="batch")

        yield tell


async def serve(telling: Callable[[Config], AbstractAsyncContextManager[Tell]]) -> None:
    """Stores and tells until the harness is done."""
    commands, settings = await Commands.open()
    config = Config(**settings)
    async with (
        asyncpg.create_pool(config.database_url, min_size=1, max_size=1) as pool,
        await aio_pika.connect_robust(config.broker_url) as broker,
        telling(config) as tell,
    ):
        notifier = Notifier(pool, tell)
        receiver = await broker.channel()
        await receiver.set_qos(prefetch_count=PREFETCH)
        queue = await receiver.get_queue(WORK, ensure=False)
        await queue.consume(notifier.take)
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(notifier.work())
            await commands.serve({})
            work.cancel()


if __name__ == "__main__":
    uvloop.run(serve(publishing))
