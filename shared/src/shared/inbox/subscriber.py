"""Events in: each handled in one transaction with its inbox row and whatever it publishes in turn."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from shared.db.database import CONTENTION, UNREACHABLE
from shared.events import Envelope, Event, InvalidEvent, UnknownEvent
from shared.inbox.discarding import publish_discarded
from shared.inbox.known import is_new
from shared.inbox.letters import DeadLetters
from shared.inbox.parked import ParkedStore
from shared.inbox.parking import ParkedEvent, park
from shared.inbox.recap import RecapStore
from shared.messaging import BatchConsumer, Delivery
from shared.messaging.topology import dead_queue, events_queue, parked_queue, recap_queue
from shared.messaging.vitals import Vitals
from shared.messaging.watch import DeadWatch
from shared.observability.logs import get_logger
from shared.observability.trace import continue_trace, traced
from shared.outbox import Outbox, OutboxTransaction

log = get_logger(__name__)

AT_ONCE = 4  # Half of the pool: requests must find a connection too.
MAX_TRIES = 5
RECAPS = 4  # At once: each holds hundreds of events.

# What a service does with one type of event. The envelope says whose it is.
Subscription: TypeAlias = Callable[[OutboxTransaction, Envelope, Any], Awaitable[None]]
Subscriptions: TypeAlias = Mapping[type[Event], Subscription]


class Subscriber:
    """What a service hears: its queue, its parked queue, recaps, and a watch over its dead, and its vitals.

    Events of a batch are handled side by side: effects must not depend on the order of arrival. Where a
    subscription raises anything but trouble of the database, the event is parked.
    """

    def __init__(
        self,
        outbox: Outbox,
        probe: Callable[[], Awaitable[None]],
        broker_url: str,
        service: str,
        subscriptions: Subscriptions,
        *,
        handled: Callable[[], None] | None = None,
    ) -> None:
        """``handled`` is called after each batch: its events may have made something due."""
        self._outbox = outbox
        self._by_type = {event.TYPE: subscription for event, subscription in subscriptions.items()}
        self._handled = handled
        queue, parked, recap = events_queue(service), parked_queue(service), recap_queue(service)
        recovery = ParkedStore(outbox.transaction, partial(self._handle, parked), parked)
        self.consumer = BatchConsumer(
            broker_url, queue, partial(self._handle, queue), name=queue, ready=probe
        )
        self._parked = BatchConsumer(
            broker_url, parked, recovery, name=parked, prefetch=1, max_batch=1, ready=probe
        )
        missed = RecapStore(outbox.transaction, partial(self._handle, queue), recap, self._by_type.keys())
        self._recap = BatchConsumer(
            broker_url, recap, missed, name=recap, prefetch=RECAPS, max_batch=RECAPS, ready=probe
        )
        self._watch = DeadWatch(broker_url, service)
        discarded = partial(publish_discarded, service)
        self.letters = DeadLetters(outbox.transaction, recovery, self._watch, discarded)
        self._vitals = Vitals(broker_url, service, queues=(dead_queue(service),), parked=self.letters.waiting)

    @property
    def works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "consumer": self.consumer.run,
            "consumer.parked": self._parked.run,
            "consumer.recap": self._recap.run,
            "dead-watch": self._watch.run,
            "vitals": self._vitals.run,
        }

    async def _handle(self, queue: str, deliveries: Sequence[Delivery]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(delivery: Delivery) -> None:
            async with slots:
                await self._receive(queue, delivery)

        outcomes = await asyncio.gather(*map(one, deliveries), return_exceptions=True)
        if self._handled is not None:
            self._handled()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome  # Nothing is acknowledged; what was handled is known by its inbox row.

    async def _receive(self, queue: str, delivery: Delivery) -> None:
        try:
            envelope = Envelope.read(delivery.headers, delivery.body)
            event = envelope.event()
            subscription = self._by_type.get(envelope.type)
            if subscription is None:
                raise UnknownEvent(f"{envelope.type} is not subscribed to")
        except (InvalidEvent, UnknownEvent) as refusal:
            await self._park(queue, delivery, str(refusal))
            return
        trace = continue_trace(envelope.traceparent, envelope.correlationid, str(envelope.id))
        with traced(trace):
            try:
                await self._insist(subscription, envelope, event)
            except (*UNREACHABLE, *CONTENTION):
                raise
            except Exception as error:
                log.error("event.failed", type=envelope.type, event_id=str(envelope.id), exc_info=error)
                await self._park(queue, delivery, f"it cannot be handled: {type(error).__name__}")

    async def _insist(self, subscription: Subscription, envelope: Envelope, event: Event) -> None:
        tries = 0
        while True:
            try:
                async with self._outbox.transaction() as tx:
                    if await is_new(tx, envelope.id):
                        await subscription(tx, envelope, event)
                return
            except CONTENTION as contention:
                tries += 1
                log.warning("event.contended", type=envelope.type, tries=tries, error=repr(contention))
                if tries == MAX_TRIES:
                    raise
                await asyncio.sleep(random.uniform(0, 0.02 * 2**tries))

    async def _park(self, queue: str, delivery: Delivery, reason: str) -> None:
        async with self._outbox.transaction() as tx:
            await park(tx, ParkedEvent(queue, reason, delivery))
