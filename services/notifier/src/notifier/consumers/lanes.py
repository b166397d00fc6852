"""Each lane has a queue, a connection and a worker of its own, so that none waits behind another."""

from __future__ import annotations

from collections.abc import Mapping

from notifier.handlers.store import BatchStore
from shared.events import Lane
from shared.inbox import ParkedStore, RecapStore
from shared.messaging import BatchConsumer
from shared.messaging.topology import lane_queue, parked_queue, recap_queue

# All lanes share one loop: the less urgent one is, the sooner it lets the others have a turn.
MAX_BATCH = {Lane.CRITICAL: 200, Lane.HIGH: 100, Lane.STANDARD: 30}


class NotConsuming(Exception):
    """A lane has no consumer just now."""


def consume_lanes(url: str, stores: Mapping[Lane, BatchStore]) -> dict[Lane, BatchConsumer]:
    return {
        lane: BatchConsumer(
            url,
            lane_queue(lane),
            store,
            name=f"notifier.{lane}",
            prefetch=5 * MAX_BATCH[lane] // 2,
            max_batch=MAX_BATCH[lane],
            ready=store.probe,
        )
        for lane, store in stores.items()
    }


def consume_parked(url: str, store: BatchStore, parked: ParkedStore) -> BatchConsumer:
    """One at a time: what ends the process here must not take others with it."""
    queue = parked_queue("notifier")
    return BatchConsumer(url, queue, parked, name=queue, prefetch=1, max_batch=1, ready=store.probe)


def consume_recap(url: str, store: BatchStore, recap: RecapStore) -> BatchConsumer:
    """A few packs at once: each holds hundreds of events."""
    queue = recap_queue("notifier")
    return BatchConsumer(url, queue, recap, name=queue, prefetch=4, max_batch=4, ready=store.probe)


def require_consuming(consumers: Mapping[Lane, BatchConsumer]) -> None:
    """Raises NotConsuming, naming the lanes that do not consume."""
    idle = [lane.value for lane, consumer in consumers.items() if not consumer.consuming.is_set()]
    if idle:
        raise NotConsuming(f"not consuming: {', '.join(idle)}")
