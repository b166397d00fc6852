"""Puts receipts into the trail: what was pushed to whom, and what which session has acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prometheus_client import Counter
from pydantic import ValidationError

from notifier.adapters import receipts
from notifier.handlers.store import REFUSED
from shared.db import Database
from shared.events.receipts import ReceiptBatch
from shared.inbox import ParkedEvent, park
from shared.messaging import Delivery
from shared.observability.logs import get_logger

log = get_logger(__name__)

STORED = Counter("notifier_receipts_total", "Receipts of gateways that are in the trail.")


class ReceiptStore:
    """What the notifier does with batches of receipts."""

    def __init__(self, db: Database, queue: str) -> None:
        self._db = db
        self._queue = queue

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        """Commit; what cannot be read or stored is parked.

        Raises what the database raises when it is away; nothing is lost then, as nothing is acknowledged.
        """
        batches: dict[UUID, ReceiptBatch] = {}
        came: dict[UUID, Delivery] = {}
        for delivery in deliveries:
            try:
                batch = ReceiptBatch.model_validate_json(delivery.body)
            except ValidationError as error:
                await self._park(delivery, f"it is no batch of receipts: {_faults(error)}")
            else:
                batches[batch.id], came[batch.id] = batch, delivery
        if batches:
            await self._store(list(batches.values()), came)

    async def probe(self) -> None:
        """Raises unless a batch could be stored now: the whole statement, with nothing to store."""
        async with self._db.autocommit() as tx:
            await receipts.store(tx, [])

    async def _store(self, batches: Sequence[ReceiptBatch], came: dict[UUID, Delivery]) -> None:
        try:
            async with self._db.autocommit() as tx:
                STORED.inc(await receipts.store(tx, batches))
        except REFUSED as refusal:
            if len(batches) == 1:
                reason = f"the database refuses it: {type(refusal).__name__}"
                await self._park(came[batches[0].id], reason)
                return
            for batch in batches:
                await self._store([batch], came)

    async def _park(self, delivery: Delivery, reason: str) -> None:
        async with self._db.transaction() as tx:
            await park(tx, ParkedEvent(self._queue, reason, delivery))


def _faults(error: ValidationError) -> str:
    """Where, never what: the values are somebody's."""
    return ", ".join(sorted({str(fault["type"]) for fault in error.errors(include_input=False)}))
