"""What is said to be confirmed is in the queue, over the raw client as by both ways out of the outbox."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict

from bench.child import Child
from bench.config import Config
from bench.corner import own_database, own_virtual_host
from bench.product.outbox import create_table
from bench.published import QUEUE, create
from bench.queues import Queue
from shared.testing.servers import Servers

EVENTS = 1_200  # More than two batches of each.
WAYS = (
    ("bench.floor.publisher", "publish"),
    ("bench.product.outbox", "publish"),
    ("bench.product.outbox", "relay"),
)


async def test_each_way_brings_every_event_to_the_queue(servers: Servers) -> None:
    found = []
    async with AsyncExitStack() as exits:
        config = Config(
            await exits.enter_async_context(own_database(servers, "bench_publishers")),
            await exits.enter_async_context(own_virtual_host(servers, "bench_publishers")),
            port=0,
        )
        await create(config.broker_url)
        await create_table(config.database_url)
        queue = await exits.enter_async_context(Queue(config.broker_url, QUEUE))
        for module, op in WAYS:
            async with Child(module, asdict(config)) as publisher:
                await publisher.ask(op, count=EVENTS)
            found.append(await queue.purge())

    assert found == [EVENTS] * len(WAYS)
