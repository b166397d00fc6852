"""Says what the broker lacks, and when an event has died: what nobody consumes, somebody has to look at."""

from __future__ import annotations

import asyncio

from prometheus_client import Gauge

from shared.events import Lane
from shared.events.notifier import EXCHANGE
from shared.messaging.connection import CONNECT_TIMEOUT_SECONDS, Link, keep_checking, keep_linked
from shared.messaging.topology import DEAD, PARKED, lane_queue
from shared.observability.logs import get_logger

log = get_logger(__name__)

LOOK_EVERY_SECONDS = 30.0

DEAD_EVENTS = Gauge("notifier_dead_events", "Messages in notifier.dead, at the last look.")


async def check_broker(url: str) -> None:
    """A worker: says CRITICAL which exchange or queue of ours the broker lacks."""
    queues = (*(lane_queue(lane) for lane in Lane), PARKED, DEAD)
    await keep_checking(url, "notifier", exchanges=(EXCHANGE,), queues=queues)


class DeadWatch:
    """Looks at the dead queue every 30 s."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._dead = 0

    async def run(self) -> None:
        await keep_linked(self._url, "notifier.watch", self._look, confirms=False)

    async def _look(self, link: Link) -> None:
        while not link.lost.is_set():
            declared = await link.channel.queue_declare(DEAD, passive=True, timeout=CONNECT_TIMEOUT_SECONDS)
            self._report(declared.message_count or 0)
            try:
                await asyncio.wait_for(link.lost.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                continue

    def _report(self, dead: int) -> None:
        DEAD_EVENTS.set(dead)
        if dead > self._dead:
            log.critical("events.dead", queue=DEAD, events=dead)
        self._dead = dead
