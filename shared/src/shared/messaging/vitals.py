"""Tells whoever listens how a process is: nobody waits for it, and what nobody hears is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import time
from uuid import uuid4

import orjson

from shared.messaging.connection import CONNECT_TIMEOUT_SECONDS, Link, keep_linked
from shared.observability.logs import get_logger
from shared.observability.vitals import EVERY_SECONDS, EXCHANGE, Reading

log = get_logger(__name__)

COUNT_EVERY_SECONDS = 5.0


class Vitals:
    """A worker with a connection of its own, so that it can hold up nothing else."""

    def __init__(
        self,
        url: str,
        service: str,
        *,
        read: Callable[[], Reading] = dict,
        queues: Sequence[str] = (),
        parked: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """``read`` must not block. ``queues`` are looked at each time; ``parked`` is asked every 5 s."""
        self._url = url
        self._service = service
        self._process = uuid4().hex[:8]
        self._began = time()
        self._read = read
        self._queues = queues
        self._count = parked
        self._parked: int | None = None

    async def run(self) -> None:
        """Tell every two seconds until cancelled; nothing is kept for later while the broker is away."""
        counting = asyncio.create_task(self._keep_counting())
        try:
            await keep_linked(self._url, f"{self._service}.vitals", self._tell, confirms=False)
        finally:
            counting.cancel()

    async def _tell(self, link: Link) -> None:
        while not link.lost.is_set():
            depths = {queue: await _depth(link, queue) for queue in self._queues}
            told = self._read() | {
                "service": self._service,
                "process": self._process,
                "began": self._began,
                "at": time(),
                "queues": depths,
                "parked": self._parked,
            }
            await link.channel.basic_publish(
                orjson.dumps(told), exchange=EXCHANGE, routing_key=EXCHANGE, timeout=CONNECT_TIMEOUT_SECONDS
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(link.lost.wait(), EVERY_SECONDS)

    async def _keep_counting(self) -> None:
        while self._count is not None:
            try:
                self._parked = await self._count()
            except Exception as error:  # noqa: BLE001  # A database that is away is not for us to mind.
                self._parked = None
                log.info("vitals.uncounted", error=repr(error))
            await asyncio.sleep(COUNT_EVERY_SECONDS)


async def _depth(link: Link, queue: str) -> int:
    declared = await link.channel.queue_declare(queue, passive=True, timeout=CONNECT_TIMEOUT_SECONDS)
    return declared.message_count or 0
