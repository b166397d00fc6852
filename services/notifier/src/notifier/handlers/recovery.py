"""What the parked queue and operators bring again: events and receipts, each to its own store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from notifier.handlers.receipts import ReceiptStore
from notifier.handlers.store import BatchStore
from shared.events.receipts import is_receipts
from shared.messaging import Delivery


class Recovery:
    """Deliveries of any kind."""

    def __init__(self, events: BatchStore, receipts: ReceiptStore) -> None:
        self._events = events
        self._receipts = receipts

    async def __call__(self, deliveries: Sequence[Delivery]) -> asyncio.Future[None] | None:
        """Raises what their stores raise."""
        receipts = [delivery for delivery in deliveries if is_receipts(delivery.headers)]
        if receipts:
            await self._receipts(receipts)
        events = [delivery for delivery in deliveries if not is_receipts(delivery.headers)]
        return await self._events(events) if events else None
