"""Tries what the broker gave up on, one at a time, and leaves a trace before each try.

Most of what a crash loop throws into the parked queue is innocent and is stored here like any other event.
The one that ends the process is known by its committed attempts, and is not tried a third time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from shared.db import Transaction
from shared.inbox.parking import ParkedEvent, park
from shared.messaging import Delivery
from shared.observability.logs import get_logger

log = get_logger(__name__)

MAX_ATTEMPTS = 2


class ParkedStore:
    """What the parked queue's consumer does with its deliveries."""

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[Transaction]],
        store: Callable[[Sequence[Delivery]], Awaitable[asyncio.Future[None] | None]],
        queue: str,
        park: Callable[[Transaction, ParkedEvent], Awaitable[object]] = park,
    ) -> None:
        """``store`` is what the service does with a batch; what it returns must be done before the ack.

        ``park`` is how it parks what no try can help.
        """
        self._transaction = transaction
        self._store = store
        self._queue = queue
        self._park = park

    async def __call__(self, deliveries: Sequence[Delivery]) -> asyncio.Future[None] | None:
        pushed = [await self._try(delivery) for delivery in deliveries]
        return pushed[-1] if pushed else None

    async def _try(self, delivery: Delivery) -> asyncio.Future[None] | None:
        event = ParkedEvent(self._queue, "the broker gave up on it", delivery)
        async with self._transaction() as tx:
            # Committed before the try: if the try ends the process, this is what remains of it.
            attempts = await park(tx, event, state="attempting")
        if attempts is None:
            return None
        if attempts > MAX_ATTEMPTS:
            async with self._transaction() as tx:
                await self._park(tx, ParkedEvent(self._queue, "every try ended the process", delivery))
            return None
        pushed = await self._store([delivery])
        await self._settle(event)
        return pushed

    async def _settle(self, event: ParkedEvent) -> None:
        """Close the attempt, unless the store itself has parked the event meanwhile."""
        async with self._transaction() as tx:
            row = await tx.fetchrow(
                "UPDATE parked_event SET state = 'handled', last_at = now()"
                " WHERE id = $1 AND state = 'attempting' RETURNING attempts",
                event.id,
            )
        if row is not None:
            log.info("event.recovered", event_id=str(event.id), attempts=row["attempts"])
