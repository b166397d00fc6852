"""Receipts have a queue, a connection and a worker of their own: nobody waits for them."""

from __future__ import annotations

from notifier.handlers.receipts import ReceiptStore
from shared.messaging import BatchConsumer
from shared.messaging.topology import receipts_queue

# Each holds up to 200 receipts; one at a time, so that the lanes have their turn between two.
PREFETCH = 4


def consume_receipts(url: str, store: ReceiptStore) -> BatchConsumer:
    queue = receipts_queue()
    return BatchConsumer(url, queue, store, name=queue, prefetch=PREFETCH, max_batch=1, ready=store.probe)
