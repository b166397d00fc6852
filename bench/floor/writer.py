"""Debits accounts, one statement a commit, and publishes what it committed straight after."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import aio_pika
import asyncpg
import uvloop
from aio_pika.abc import AbstractChannel

from bench.child import Commands, Json, until
from bench.config import Config
from bench.floor.bulk import BulkPublisher
from bench.floor.schema import DEBIT, EVENTS, ROUTING_KEY

BATCH = 500
BATCHES_IN_FLIGHT = 2
SWEEP_SECONDS = 0.05


class Publisher(Protocol):
    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publishes (message id, body) pairs; returns when all are confirmed, raises when one is not."""


class Outbox:
    """Everything that waits is sent together; confirmed rows are deleted in batches."""

    def __init__(self, pool: asyncpg.Pool, publisher: Publisher) -> None:
        self._pool = pool
        self._publisher = publisher
        self._waiting: list[tuple[str, bytes]] = []
        self._confirmed: list[str] = []
        self._offered = asyncio.Event()

    def offer(self, rows: list[asyncpg.Record]) -> None:
        self._waiting += [(str(row["id"]), row["body"].encode()) for row in rows]
        self._offered.set()

    async def publish(self) -> None:
        """One of the senders; as many run as batches may be in flight."""
        while True:
            await self._offered.wait()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._waiting:
                self._offered.clear()
            if batch:
                await self._publisher.send(batch)
                self._confirmed += [message_id for message_id, _ in batch]

    async def sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            done, self._confirmed = self._confirmed, []
            if done:
                await self._pool.execute("DELETE FROM outbox WHERE id = ANY($1::uuid[])", done)


class Writer:
    """The commands that the harness gives."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox

    async def steady(self, command: Json) -> Json:
        """`rate` debits a second, one a commit, `count` of them; answers with each one's commit time."""
        users: list[str] = command["users"]
        start = time.monotonic_ns()
        commits = []
        for number in range(command["count"]):
            await until(start + number * 1_000_000_000 // command["rate"])
            commits += await self._commit([users[number % len(users)]])
        return {"commits": commits}

    async def burst(self, command: Json) -> Json:
        """`count` debits as fast as they go, one a user in each commit."""
        users: list[str] = command["users"]
        commits: list[tuple[str, int]] = []
        while len(commits) < command["count"]:
            commits += await self._commit(users)
        return {"commits": commits}

    async def _commit(self, users: list[str]) -> list[tuple[str, int]]:
        transfers = [uuid.uuid4() for _ in users]
        events = [uuid.uuid4() for _ in users]
        rows = await self._pool.fetch(DEBIT, transfers, events, users, [1] * len(users))
        committed_ns = time.monotonic_ns()
        if len(rows) != len(users):
            raise RuntimeError("a debit was refused")
        self._outbox.offer(rows)
        return [(str(transfer), committed_ns) for transfer in transfers]


async def bulk(channel: AbstractChannel) -> Publisher:
    return BulkPublisher(channel, EVENTS, ROUTING_KEY)


async def serve(publishing: Callable[[AbstractChannel], Awaitable[Publisher]]) -> None:
    """Debits and publishes until the harness is done."""
    commands, settings = await Commands.open()
    config = Config(**settings)
    async with (
        asyncpg.create_pool(config.database_url, min_size=2, max_size=2) as pool,
        await aio_pika.connect_robust(config.broker_url) as broker,
    ):
        outbox = Outbox(pool, await publishing(await broker.channel()))
        writer = Writer(pool, outbox)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(outbox.publish()) for _ in range(BATCHES_IN_FLIGHT)]
            background.append(tasks.create_task(outbox.sweep()))
            await commands.serve({"steady": writer.steady, "burst": writer.burst})
            for task in background:
                task.cancel()


if __name__ == "__main__":
    uvloop.run(serve(bulk))
