"""The ledger's statements have a queue, a connection and a worker of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from notifier.consumers.lanes import MAX_BATCH
from notifier.handlers.coverage import StatementStore
from shared.events import Lane
from shared.messaging import BatchConsumer, Delivery
from shared.messaging.topology import statements_queue

# Each holds a thousand transfers; one at a time, so that the lanes have their turn between two.
PREFETCH = 2
LOOK_EVERY_SECONDS = 0.1
LOOKS_AT_MOST = 200


def consume_statements(
    url: str, store: StatementStore, probe: Callable[[], Awaitable[None]], lanes: Mapping[Lane, BatchConsumer]
) -> BatchConsumer:
    """Once the lanes have caught up, or after 20 s: what waits in a queue would be taken for a hole."""

    async def later(deliveries: list[Delivery]) -> None:
        for _ in range(LOOKS_AT_MOST):
            if not any(consumer.in_hand >= MAX_BATCH[lane] for lane, consumer in lanes.items()):
                break
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        await store(deliveries)

    queue = statements_queue()
    return BatchConsumer(url, queue, later, name=queue, prefetch=PREFETCH, max_batch=1, ready=probe)
