"""Each lane has a queue, a connection and a worker of its own, so that none waits behind another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from notifier.handlers.store import Batch, BatchStore
from shared.events import Lane
from shared.inbox import ParkedStore, RecapStore
from shared.messaging import BatchConsumer
from shared.messaging.consumer import Handler, Settled
from shared.messaging.topology import lane_queue, parked_queue, recap_queue

# All lanes share one loop: the less urgent one is, the sooner it lets the others have a turn.
MAX_BATCH = {Lane.CRITICAL: 200, Lane.HIGH: 100, Lane.STANDARD: 40}
BUSY_SECONDS = 0.1
MAX_REST_SECONDS = 0.1


class NotConsuming(Exception):
    """A lane has no consumer just now."""


class LaneStore:
    """A lane's store that rests after each batch as long as that took, while a more urgent lane is busy.

    A backlog would else take half of the processor and of the database from what somebody waits for. What it
    has stored is told meanwhile, and acknowledged after the rest: losing the link then costs a redelivery.
    """

    def __init__(self, store: Handler[Batch], more_urgent: Sequence[LaneStore]) -> None:
        self._store = store
        self._more_urgent = more_urgent
        self._busy_until = 0.0

    async def __call__(self, batch: Batch) -> Settled | None:
        clock = asyncio.get_running_loop().time
        began = clock()
        settled = await self._store(batch)
        ended = clock()
        self._busy_until = ended + BUSY_SECONDS
        if any(lane._busy_until > ended for lane in self._more_urgent):
            settled = settled and asyncio.ensure_future(settled)
            await asyncio.sleep(min(ended - began, MAX_REST_SECONDS))
        return settled


def consume_lanes(url: str, stores: Mapping[Lane, BatchStore]) -> dict[Lane, BatchConsumer]:
    consumers: dict[Lane, BatchConsumer] = {}
    more_urgent: list[LaneStore] = []
    for lane in Lane:  # The most urgent first.
        store = LaneStore(stores[lane].store, tuple(more_urgent))
        consumers[lane] = BatchConsumer(
            url,
            lane_queue(lane),
            store,
            name=f"notifier.{lane}",
            read=stores[lane].read,
            prefetch=5 * MAX_BATCH[lane],
            max_batch=MAX_BATCH[lane],
            ready=stores[lane].probe,
        )
        more_urgent.append(store)
    return consumers


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
