"""Takes out of a recap what never came, which is nothing unless the broker has lost something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from prometheus_client import Counter

from shared.db import Transaction
from shared.events.envelope import PREFIX
from shared.messaging import Delivery
from shared.messaging.packs import InvalidPack, unpacked
from shared.observability.logs import get_logger

log = get_logger(__name__)

RECOVERED = Counter("events_recovered_total", "Events that came by a recap and not before.", ["queue"])

_ID = f"{PREFIX}id"
_MISSING = """
    SELECT id FROM unnest($1::uuid[]) AS told (id)
    WHERE NOT EXISTS (SELECT FROM inbox WHERE event_id = told.id)
        AND NOT EXISTS (SELECT FROM parked_event WHERE parked_event.id = told.id)
"""


class RecapStore:
    """What the recap queue's consumer does with its deliveries."""

    def __init__(
        self,
        autocommit: Callable[[], AbstractAsyncContextManager[Transaction]],
        store: Callable[[Sequence[Delivery]], Awaitable[asyncio.Future[None] | None]],
        queue: str,
        types: Collection[str] | None = None,
    ) -> None:
        """``store`` is what the service does with a batch. ``types`` are those it hears; None: all."""
        self._autocommit = autocommit
        self._store = store
        self._queue = queue
        self._types = types

    async def __call__(self, deliveries: Sequence[Delivery]) -> asyncio.Future[None] | None:
        told: dict[UUID, Delivery] = {}
        unreadable: list[Delivery] = []
        for delivery in deliveries:
            try:
                told |= {UUID(str(each.headers[_ID])): each for each in unpacked(delivery, self._hears)}
            except (InvalidPack, KeyError, ValueError):
                unreadable.append(delivery)  # Whoever stores it parks it.
        missing = await self._missing(list(told))
        if missing:
            RECOVERED.labels(self._queue).inc(len(missing))
            log.critical("events.recovered", queue=self._queue, events=[str(id_) for id_ in missing])
        wanted = [*unreadable, *(told[id_] for id_ in missing)]
        return await self._store(wanted) if wanted else None

    def _hears(self, type_: str) -> bool:
        return self._types is None or type_ in self._types

    async def _missing(self, ids: list[UUID]) -> list[UUID]:
        if not ids:
            return []
        async with self._autocommit() as tx:
            return [row["id"] for row in await tx.fetch(_MISSING, ids)]
