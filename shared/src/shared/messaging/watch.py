"""Says when an event has died: what nobody consumes, somebody has to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from prometheus_client import Gauge

from shared.messaging.connection import AWAY, CONNECT_TIMEOUT_SECONDS, BrokerAway, Link, keep_linked
from shared.messaging.deliveries import Delivery
from shared.messaging.topology import dead_queue
from shared.observability.logs import get_logger

log = get_logger(__name__)

LOOK_EVERY_SECONDS = 5.0

DEAD_EVENTS = Gauge("dead_events", "Messages that nobody consumes any more, at the last look.", ["queue"])


class DeadWatch:
    """Looks at a service's dead queue every 5 s, and takes out of it what somebody asks for."""

    def __init__(self, url: str, service: str) -> None:
        self._url = url
        self.queue = dead_queue(service)
        self.dead = 0
        self._link: Link | None = None

    async def run(self) -> None:
        await keep_linked(self._url, f"{self.queue}.watch", self._look, confirms=False)

    async def collect(self, keep: Callable[[Delivery], Awaitable[None]], at_most: int) -> int:
        """Take them one by one; each leaves the queue once ``keep`` has it. Returns how many it was.

        Raises BrokerAway when there is no link.
        """
        link = self._link
        if link is None or link.lost.is_set():
            raise BrokerAway("no connection to the broker")
        for taken in range(at_most):
            message = await link.channel.basic_get(self.queue, timeout=CONNECT_TIMEOUT_SECONDS)
            if message.delivery_tag is None:
                return taken
            properties = message.header.properties
            delivery = Delivery(
                tag=message.delivery_tag,
                routing_key=message.routing_key or "",
                message_id=properties.message_id,
                redelivered=True,
                headers=dict(properties.headers or {}),
                body=message.body,
            )
            try:
                await keep(delivery)
            except BaseException:
                # Back to the others: unacknowledged nobody would see it for as long as the link lives.
                with suppress(*AWAY):  # A link that is lost gives it back by itself.
                    await link.channel.basic_nack(message.delivery_tag, requeue=True)
                raise
            await link.channel.basic_ack(message.delivery_tag)
        return at_most

    async def _look(self, link: Link) -> None:
        self._link = link
        while not link.lost.is_set():
            declared = await link.channel.queue_declare(
                self.queue, passive=True, timeout=CONNECT_TIMEOUT_SECONDS
            )
            self._report(declared.message_count or 0)
            try:
                await asyncio.wait_for(link.lost.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                continue

    def _report(self, dead: int) -> None:
        DEAD_EVENTS.labels(self.queue).set(dead)
        if dead > self.dead:
            log.critical("events.dead", queue=self.queue, events=dead)
        self.dead = dead
