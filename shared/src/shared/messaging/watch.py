"""Says when an event has died: what nobody consumes, somebody has to look at."""

from __future__ import annotations

import asyncio

from prometheus_client import Gauge

from shared.messaging.connection import CONNECT_TIMEOUT_SECONDS, Link, keep_linked
from shared.messaging.topology import dead_queue
from shared.observability.logs import get_logger

log = get_logger(__name__)

LOOK_EVERY_SECONDS = 30.0

DEAD_EVENTS = Gauge("dead_events", "Messages that nobody consumes any more, at the last look.", ["queue"])


class DeadWatch:
    """Looks at a service's dead queue every 30 s."""

    def __init__(self, url: str, service: str) -> None:
        self._url = url
        self._queue = dead_queue(service)
        self._dead = 0

    async def run(self) -> None:
        await keep_linked(self._url, f"{self._queue}.watch", self._look, confirms=False)

    async def _look(self, link: Link) -> None:
        while not link.lost.is_set():
            declared = await link.channel.queue_declare(
                self._queue, passive=True, timeout=CONNECT_TIMEOUT_SECONDS
            )
            self._report(declared.message_count or 0)
            try:
                await asyncio.wait_for(link.lost.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                continue

    def _report(self, dead: int) -> None:
        DEAD_EVENTS.labels(self._queue).set(dead)
        if dead > self._dead:
            log.critical("events.dead", queue=self._queue, events=dead)
        self._dead = dead
