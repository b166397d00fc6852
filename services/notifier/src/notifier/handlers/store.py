"""Stores a batch of deliveries, whatever is in it: the good ones in one statement, the bad ones parked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from uuid import UUID

import asyncpg

from notifier.adapters import streams, wire
from notifier.adapters.batch import BalanceRow, Place, Stored, store
from notifier.adapters.push import Push
from notifier.adapters.trail import Unwritable
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.domain.incoming import Incoming, receive
from notifier.handlers.letters import park
from notifier.handlers.record import Recorder
from shared.db import Database
from shared.db.database import CONTENTION
from shared.events import Envelope, InvalidEvent, UnknownEvent
from shared.inbox import ParkedEvent
from shared.messaging import Delivery
from shared.observability.logs import get_logger

log = get_logger(__name__)

# The database will never take this batch: some value in it is not one it can hold.
REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    Unwritable,
)
MAX_TRIES = 5


@dataclass(slots=True)
class Batch:
    """Deliveries sorted into what can be stored (each event once) and what must be parked."""

    queue: str
    events: dict[UUID, Incoming] = field(default_factory=dict)
    deliveries: dict[UUID, Delivery] = field(default_factory=dict)
    parked: list[ParkedEvent] = field(default_factory=list)
    created: list[tuple[Incoming, Place]] = field(default_factory=list)
    balances: list[BalanceRow] = field(default_factory=list)
    stale: list[Incoming] = field(default_factory=list)

    def took(self, stored: Stored) -> None:
        self.created += stored.created
        self.balances += stored.balances
        self.stale += stored.stale

    def refuse(self, delivery: Delivery, reason: str) -> None:
        self.parked.append(ParkedEvent(self.queue, reason, delivery))


class BatchStore:
    """What a lane does with its batches. One instance a queue."""

    def __init__(
        self, db: Database, dispatcher: NotificationDispatcher, push: Push, queue: str, recorder: Recorder
    ) -> None:
        self._db = db
        self._dispatcher = dispatcher
        self._push = push
        self._queue = queue
        self._recorder = recorder

    async def __call__(self, deliveries: Sequence[Delivery]) -> asyncio.Future[None]:
        """Commit, then begin to tell the gateways; what is returned is done when they have been told.

        Raises what the database raises when it is away; nothing is lost then, as nothing is acknowledged.
        """
        return asyncio.ensure_future(await self.store(self.read(deliveries)))

    async def handle(self, deliveries: Sequence[Delivery]) -> Batch:
        """Store and park, without telling anybody."""
        batch = self.read(deliveries)
        await self._keep(batch)
        self._record(batch, datetime.now(UTC))
        return batch

    async def store(self, batch: Batch) -> Coroutine[None, None, None]:
        """Commit, and begin to tell the gateways. What is returned is done when they have been told."""
        await self._keep(batch)
        created = (wire.created(event, place) for event, place in batch.created)
        telling = self._push.publish(chain(created, map(wire.balance_changed, batch.balances)))
        return self._finish(batch, datetime.now(UTC), telling)

    async def _finish(self, batch: Batch, stored_at: datetime, telling: asyncio.Future[None]) -> None:
        await asyncio.sleep(0)  # The next batch's statement leaves first.
        self._record(batch, stored_at)
        if batch.stale:
            await self._push.publish(await self._reminders(batch.stale))
        await telling

    async def _keep(self, batch: Batch) -> None:
        await self._store(batch, list(batch.events.values()))
        for parked in batch.parked:
            async with self._db.transaction() as tx:
                await park(tx, parked)

    def _record(self, batch: Batch, stored_at: datetime) -> None:
        self._recorder.record(batch.created, batch.stale, batch.events.values(), stored_at)

    async def probe(self) -> None:
        """Raises unless a batch could be stored now: the whole statement, with nothing to store."""
        async with self._db.autocommit() as tx:
            await store(tx, [])

    def read(self, deliveries: Sequence[Delivery]) -> Batch:
        batch = Batch(self._queue)
        for delivery in deliveries:
            try:
                envelope = Envelope.read(delivery.headers, delivery.body)
                if envelope.id not in batch.events:
                    batch.events[envelope.id] = receive(envelope, self._dispatcher)
                    batch.deliveries[envelope.id] = delivery
            except (InvalidEvent, UnknownEvent) as refusal:
                batch.refuse(delivery, str(refusal))
            except Exception as error:  # noqa: BLE001  # One event must not take the others with it.
                batch.refuse(delivery, f"it cannot be shown: {type(error).__name__}")
        return batch

    async def _store(self, batch: Batch, events: Sequence[Incoming]) -> None:
        """Halve a batch the database refuses until what it refuses stands alone, and park that."""
        if not events:
            return
        try:
            batch.took(await self._commit(events))
        except REFUSED as refusal:
            if len(events) == 1:
                reason = f"the database refuses it: {type(refusal).__name__}"
                batch.refuse(batch.deliveries[events[0].envelope.id], reason)
                return
            middle = len(events) // 2
            await self._store(batch, events[:middle])
            await self._store(batch, events[middle:])

    async def _commit(self, events: Sequence[Incoming]) -> Stored:
        tries = 0
        while True:
            try:
                async with self._db.autocommit() as tx:
                    return await store(tx, events)
            except CONTENTION as contention:
                tries += 1
                log.warning("batch.contended", queue=self._queue, tries=tries, error=repr(contention))
                if tries == MAX_TRIES:
                    raise
                await asyncio.sleep(random.uniform(0, 0.02 * 2**tries))

    async def _reminders(self, stale: Sequence[Incoming]) -> list[wire.Item]:
        """For events that came again, because whether their push ever left is unknown."""
        users = sorted({event.envelope.subject for event in stale})
        async with self._db.autocommit() as tx:
            heads = await streams.heads(tx, users)
            balances = await streams.balances(tx, users)
        items = [wire.stream_head(head) for head in heads.values()]
        return items + [wire.balance_changed(each) for known in balances.values() for each in known]
