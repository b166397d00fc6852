"""Each lane has a queue, a connection and a worker of its own, so that none waits behind another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic

from notifier.handlers.store import BatchStore
from shared.events import Lane
from shared.inbox import ParkedStore, RecapStore
from shared.messaging import BatchConsumer, Delivery
from shared.messaging.consumer import Handler, Settled, T
from shared.messaging.topology import lane_queue, parked_queue, recap_queue

# All lanes share one loop: the less urgent one is, the sooner it lets the others have a turn.
MAX_BATCH = {Lane.CRITICAL: 200, Lane.HIGH: 100, Lane.STANDARD: 40}
PREFETCH = {Lane.CRITICAL: 1000, Lane.HIGH: 250, Lane.STANDARD: 100}
BUSY_SECONDS = 0.1
MAX_REST_SECONDS = 0.1


class NotConsuming(Exception):
    """A lane has no consumer just now."""


class LaneStore(Generic[T]):
    """A lane's store that rests after each batch as long as that took, while a more urgent lane is busy.

    A backlog would else take half of the processor and of the database from what somebody waits for. What it
    has stored is told meanwhile, and acknowledged after the rest: losing the link then costs a redelivery.
    """

    def __init__(self, store: Handler[T], more_urgent: Sequence[LaneStore[Any]]) -> None:
        self._store = store
        self._more_urgent = more_urgent
        self._busy_until = 0.0

    async def __call__(self, batch: T) -> Settled | None:
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
    """The most urgent alone reads ahead: the others are to leave it room."""
    most_urgent, *others = Lane
    first = stores[most_urgent]
    reading_ahead = LaneStore(first.store, ())
    consumers = {most_urgent: _consume(url, most_urgent, reading_ahead, first.read, first.probe)}
    more_urgent: list[LaneStore[Any]] = [reading_ahead]
    for lane in others:
        store = stores[lane]
        resting = LaneStore(store, tuple(more_urgent))
        consumers[lane] = _consume(url, lane, resting, list, store.probe)
        more_urgent.append(resting)
    return consumers


def _consume(
    url: str,
    lane: Lane,
    store: LaneStore[T],
    read: Callable[[list[Delivery]], T],
    probe: Callable[[], Awaitable[None]],
) -> BatchConsumer:
    return BatchConsumer(
        url,
        lane_queue(lane),
        store,
        name=f"notifier.{lane}",
        read=read,
        prefetch=PREFETCH[lane],
        max_batch=MAX_BATCH[lane],
        ready=probe,
    )


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
