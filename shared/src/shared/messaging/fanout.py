"""Listens to an exchange through a queue of its own: hints, unacknowledged, gone with the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.messaging.connection import Link, keep_linked
from shared.messaging.deliveries import start_consuming, take_deliveries

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
    ) -> None:
        self._url = url
        self._exchange = exchange
        self._routing_key = routing_key
        self._name = name
        self._on_message = on_message
        self._on_linked = on_linked
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        await keep_linked(self._url, self._name, self._serve, confirms=False)

    async def _serve(self, link: Link) -> None:
        channel = link.channel
        take_deliveries(channel, lambda _, message: self._on_message(message.body))
        declared = await channel.queue_declare(
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": MAX_LENGTH, "x-overflow": "drop-head"},
            timeout=5,
        )
        queue = declared.queue or ""
        await channel.queue_bind(queue, self._exchange, self._routing_key, timeout=5)
        await start_consuming(channel, queue, no_ack=True)
        self.listening.set()
        try:
            await self._on_linked()
            await link.lost.wait()
        finally:
            self.listening.clear()
