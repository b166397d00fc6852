"""Listens to an exchange through a queue of its own: hints, unacknowledged, gone with the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from shared.messaging.connection import Link, consumer_count, keep_linked
from shared.messaging.consumer import WATCH_SECONDS, ConsumerLost
from shared.messaging.deliveries import start_consuming

MAX_LENGTH = 10_000


class FanoutListener:
    """Calls ``on_message`` with each body. What was published while it was not linked is lost by design:
    ``on_linked`` is where the listener catches up from the store.
    """

    def __init__(
        self,
        url: str,
        exchange: str,
        routing_key: str,
        *,
        name: str,
        on_message: Callable[[bytes], None],
        on_linked: Callable[[], Awaitable[None]],
        watch_seconds: float = WATCH_SECONDS,
    ) -> None:
        self._url = url
        self._exchange = exchange
        self._routing_key = routing_key
        self._name = name
        self._on_message = on_message
        self._on_linked = on_linked
        self._watch_seconds = watch_seconds
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        await keep_linked(self._url, self._name, self._serve, confirms=False)

    async def _serve(self, link: Link) -> None:
        channel = link.channel
        link.take_deliveries(lambda delivery: self._on_message(delivery.body))
        declared = await channel.queue_declare(
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": MAX_LENGTH, "x-overflow": "drop-head"},
            timeout=5,
        )
        queue = declared.queue or ""
        await channel.queue_bind(queue, self._exchange, self._routing_key, timeout=5)
        tag = await start_consuming(channel, queue, no_ack=True)
        self.listening.set()
        try:
            await self._on_linked()
            await self._watch(link, queue, tag)
        finally:
            self.listening.clear()

    async def _watch(self, link: Link, queue: str, tag: str) -> None:
        """Returns when the channel is lost; raises ConsumerLost when the broker no longer feeds us on it."""
        while not link.lost.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(link.lost.wait(), self._watch_seconds)
                return
            if tag not in link.channel.consumers or await consumer_count(link, queue) == 0:
                raise ConsumerLost(f"the broker has no consumer on {queue}")
