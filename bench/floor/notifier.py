"""Stores what it consumes, a batch a statement, then publishes the batch and acknowledges it once."""

from __future__ import annotations

import asyncio

import aio_pika
import asyncpg
import orjson
import uvloop
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from bench.child import Commands
from bench.floor.schema import NOTIFICATIONS, STORE, WORK, Config

PREFETCH = 500
BATCH = 200


class Notifier:
    """No linger: a batch is what piled up while the one before was being committed."""

    def __init__(self, pool: asyncpg.Pool, notifications: AbstractExchange) -> None:
        self._pool = pool
        self._notifications = notifications
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
        body = orjson.dumps([dict(row) for row in rows], default=str)
        await self._notifications.publish(aio_pika.Message(body), routing_key="batch")
        await batch[-1].ack(multiple=True)


def text(amount: int, reason: str, balance: int) -> str:
    return f"💳 Credits Deducted - ${amount / 100:.2f} for {reason}. New balance: ${balance / 100:,.2f}"


async def main() -> None:
    commands, settings = await Commands.open()
    config = Config(**settings)
    async with (
        asyncpg.create_pool(config.database_url, min_size=1, max_size=1) as pool,
        await aio_pika.connect_robust(config.broker_url) as consuming,
        await aio_pika.connect_robust(config.broker_url) as publishing,
    ):
        sender = await publishing.channel()
        notifier = Notifier(pool, await sender.get_exchange(NOTIFICATIONS, ensure=False))
        receiver = await consuming.channel()
        await receiver.set_qos(prefetch_count=PREFETCH)
        queue = await receiver.get_queue(WORK, ensure=False)
        await queue.consume(notifier.take)
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(notifier.work())
            await commands.serve({})
            work.cancel()


if __name__ == "__main__":
    uvloop.run(main())
