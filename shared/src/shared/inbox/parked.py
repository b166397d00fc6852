"""Tries what the broker gave up on, one at a time, and leaves a trace before each try.

Most of what a crash loop throws into the parked queue is innocent and is stored here like any other event.
The one that ends the process is known by its unfinished tries, and is not tried a third time unless an
operator asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from uuid import UUID

from shared.db import Transaction
from shared.inbox.parking import ParkedEvent, begin_try, park
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
            begun = await begin_try(tx, event, MAX_ATTEMPTS)
            if not begun:
                await self._park(tx, replace(event, reason="no try came to an end", tried=False))
        return await self.attempt(event.id, delivery) if begun else None

    async def attempt(self, id_: UUID, delivery: Delivery) -> asyncio.Future[None] | None:
        """Try what is on record as being tried. Raises what ``store`` raises; the record then stays open."""
        pushed = await self._store([delivery])
        await self._settle(id_)
        return pushed

    async def _settle(self, id_: UUID) -> None:
        """Close the attempt, unless the store itself has parked the event meanwhile."""
        async with self._transaction() as tx:
            row = await tx.fetchrow(
                "UPDATE parked_event SET state = 'handled', unfinished = 0, last_at = now()"
                " WHERE id = $1 AND state = 'attempting' RETURNING attempts",
                id_,
            )
        if row is not None:
            log.info("event.recovered", event_id=str(id_), attempts=row["attempts"])
