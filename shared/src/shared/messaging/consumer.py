"""Consumes a queue in batches: what piled up while the last batch was handled, one ack for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from shared.messaging.connection import Link, consumer_count, keep_linked
from shared.messaging.deliveries import Delivery, start_consuming
from shared.observability.logs import get_logger

log = get_logger(__name__)

WATCH_SECONDS = 15.0
IDLE_SECONDS = 60.0
MAX_UNSETTLED = 8


T = TypeVar("T")
Settled = Awaitable[None]
Handler = Callable[[T], Awaitable[Settled | None]]


class ConsumerLost(Exception):
    """The broker no longer delivers to this consumer."""


class BatchConsumer:
    """Feeds one queue to ``handle`` in batches, in order, one batch at a time.

    ``read`` makes of a batch what ``handle`` takes; of a full one that waits, while the one before is being
    committed. ``handle`` returns once the batch is committed, optionally with an awaitable that must complete
    before it is acknowledged; the next batch is handled meanwhile. Anything they raise is taken as transient:
    the connection is closed, which gives everything unacknowledged back, and consuming begins again after
    ``ready`` succeeds. A message that can never be handled is therefore the handler's to park.
    """

    def __init__(
        self,
        url: str,
        queue: str,
        handle: Handler[T],
        *,
        name: str,
        read: Callable[[list[Delivery]], T] = list,  # type: ignore[assignment]  # Then T is that list.
        prefetch: int = 500,
        max_batch: int = 200,
        ready: Callable[[], Awaitable[None]] | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._url = url
        self._queue = queue
        self._handle: Handler[Any] = handle
        self._read: Callable[[list[Delivery]], Any] = read
        self._name = name
        self._prefetch = prefetch
        self._max_batch = max_batch
        self._ready = ready
        self._idle_seconds = idle_seconds
        self.consuming = asyncio.Event()
        self._session: _Session | None = None
        self._begun: set[asyncio.Future[None]] = set()  # The event loop itself would let go of them.

    @property
    def in_hand(self) -> int:
        """Deliveries that are here and not acknowledged: the broker no longer counts them as waiting."""
        return self._session.in_hand if self._session else 0

    async def run(self) -> None:
        """Consume until cancelled; a batch in hand is finished first."""
        await keep_linked(self._url, self._name, self._serve, confirms=False, before=self._ready)

    async def _serve(self, link: Link) -> None:
        session = _Session(link, self._queue)
        await session.consume(self._prefetch)
        self._session = session
        self.consuming.set()
        workers = [
            asyncio.create_task(self._work(session)),
            asyncio.create_task(session.acknowledge()),
            asyncio.create_task(session.watch(self._idle_seconds)),
        ]
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
            for worker in done:
                worker.result()
        finally:
            self.consuming.clear()
            self._session = None
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, session: _Session) -> None:
        batch = await session.take(self._max_batch)
        read = self._read(batch)
        while True:
            last_tag = batch[-1].tag
            # Shielded: a shutdown in the middle of a commit would leave its outcome unknown.
            handling = asyncio.ensure_future(self._handle(read))
            try:
                await asyncio.sleep(0)  # Its statement leaves first.
                batch = session.take_full(self._max_batch)
                read = self._read(batch) if batch else None
                settled = await asyncio.shield(handling)
            except BaseException:
                [outcome] = await asyncio.gather(handling, return_exceptions=True)
                if isinstance(outcome, Awaitable):
                    self._begin(outcome)
                raise
            await session.handled(last_tag, None if settled is None else self._begin(settled))
            if not batch:
                batch = await session.take(self._max_batch)
                read = self._read(batch)

    def _begin(self, settled: Settled) -> asyncio.Future[None]:
        """It goes on to its end even if the session does not."""
        future = asyncio.ensure_future(settled)
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return future


class _Session:
    """Consuming on one link, from the first delivery to the loss of the channel."""

    def __init__(self, link: Link, queue: str) -> None:
        self._link = link
        self._queue = queue
        self._buffer: list[Delivery] = []
        self._arrived = asyncio.Event()
        self._unsettled: asyncio.Queue[tuple[int, asyncio.Future[None] | None]] = asyncio.Queue(
            maxsize=MAX_UNSETTLED
        )
        self._tag = ""
        self._heard_at = asyncio.get_running_loop().time()
        self._taken = self._acknowledged = 0

    @property
    def in_hand(self) -> int:
        """The broker numbers what it delivers on a channel."""
        last = self._buffer[-1].tag if self._buffer else self._taken
        return last - self._acknowledged

    async def consume(self, prefetch: int) -> None:
        channel = self._link.channel
        self._link.take_deliveries(self._on_delivery)
        await channel.basic_qos(prefetch_count=prefetch, timeout=5)
        self._tag = await start_consuming(channel, self._queue, no_ack=False)

    async def take(self, at_most: int) -> list[Delivery]:
        while not self._buffer:
            self._arrived.clear()
            await self._arrived.wait()
        return self._take(at_most)

    def take_full(self, size: int) -> list[Delivery]:
        """A batch of that size, or an empty one: what is not full may still grow."""
        return self._take(size) if len(self._buffer) >= size else []

    def _take(self, at_most: int) -> list[Delivery]:
        batch, self._buffer = self._buffer[:at_most], self._buffer[at_most:]
        self._taken = batch[-1].tag
        return batch

    async def handled(self, last_tag: int, settled: asyncio.Future[None] | None) -> None:
        """Waits while eight batches wait to be settled: handling must not run ahead of that for ever."""
        await self._unsettled.put((last_tag, settled))

    async def acknowledge(self) -> None:
        while True:
            last_tag, settled = await self._unsettled.get()
            if settled is not None:
                await asyncio.shield(settled)
            await self._link.channel.basic_ack(last_tag, multiple=True)
            self._acknowledged = last_tag

    async def watch(self, idle_seconds: float) -> None:
        """Raises when the channel is lost or the broker has dropped the consumer; returns when it is idle.

        A quorum queue that is deleted and made again at once can go on counting a consumer it no longer
        feeds (seen on RabbitMQ 3.10), so one that hears nothing for long subscribes anew.
        """
        clock = asyncio.get_running_loop().time
        while clock() - self._heard_at < idle_seconds:
            try:
                await asyncio.wait_for(self._link.lost.wait(), min(WATCH_SECONDS, idle_seconds))
                raise ConsumerLost(f"the channel consuming {self._queue} was closed")
            except TimeoutError:
                pass
            known = self._tag in self._link.channel.consumers
            if not known or await consumer_count(self._link, self._queue) == 0:
                raise ConsumerLost(f"the broker has no consumer on {self._queue}")

    def _on_delivery(self, delivery: Delivery) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._buffer.append(delivery)
        self._arrived.set()
