"""Hears which transfers' events were never stored, and has them published again from what is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import Counter
from pydantic import ValidationError

from shared.events.coverage import Request
from shared.messaging import BatchConsumer, Delivery
from shared.messaging.topology import coverage_queue
from shared.observability.logs import get_logger
from shared.outbox import Outbox, OutboxTransaction, publish_kept

log = get_logger(__name__)

AT_ONCE = 4
ASKED = Counter("coverage_asked_total", "Events that were asked for again.", ["service"])

# Publishes again what a request asks for, as far as the service has it.
Again = Callable[[OutboxTransaction, Request], Awaitable[None]]


async def tell_kept(tx: OutboxTransaction, request: Request) -> None:
    """For services whose events are kept as they were."""
    await publish_kept(tx, request.transfers)


class RepairRequests:
    """A service's queue of requests. Told again, an event is known to every inbox by its id.

    A request that cannot be read is dropped: whoever misses something asks again.
    """

    def __init__(
        self,
        outbox: Outbox,
        probe: Callable[[], Awaitable[None]],
        broker_url: str,
        service: str,
        again: Again,
    ) -> None:
        self._outbox = outbox
        self._service = service
        self._again = again
        queue = coverage_queue(service)
        self._consumer = BatchConsumer(
            broker_url, queue, self, name=queue, prefetch=AT_ONCE, max_batch=AT_ONCE, ready=probe
        )

    @property
    def works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {"consumer.coverage": self._consumer.run}

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            try:
                request = Request.model_validate_json(delivery.body)
            except ValidationError as error:
                log.critical("coverage.unreadable", service=self._service, faults=error.error_count())
                continue
            async with self._outbox.transaction() as tx:
                await self._again(tx, request)
            ASKED.labels(self._service).inc(len(request.transfers))
            log.warning(
                "coverage.told_again",
                service=self._service,
                transfers=[str(id_) for id_ in request.transfers],
                statements=request.statements,
            )
