"""The ledger's statements have a queue, a connection and a worker of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from notifier.handlers.coverage import StatementStore
from shared.messaging import BatchConsumer
from shared.messaging.topology import statements_queue

# Each holds a thousand transfers; one at a time, so that the lanes have their turn between two.
PREFETCH = 2


def consume_statements(
    url: str, store: StatementStore, probe: Callable[[], Awaitable[None]]
) -> BatchConsumer:
    queue = statements_queue()
    return BatchConsumer(url, queue, store, name=queue, prefetch=PREFETCH, max_batch=1, ready=probe)
