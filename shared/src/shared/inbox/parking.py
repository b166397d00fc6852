"""Parks an event that cannot be handled, with its reason, so that it is neither lost nor in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson
from prometheus_client import Counter

from shared.db import Transaction
from shared.events.envelope import MAX_SUBJECT, PREFIX
from shared.messaging import Delivery
from shared.observability.logs import get_logger

log = get_logger(__name__)

PARKED = Counter("events_parked_total", "Events that could not be handled.", ["queue"])


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """A delivery and why it could not be handled. ``reason`` must hold no value of its data."""

    queue: str
    reason: str
    delivery: Delivery = field(repr=False)

    @property
    def id(self) -> UUID:
        given = self.delivery.headers.get("cloudEvents:id") or self.delivery.message_id
        try:
            return UUID(str(given))
        except ValueError:
            return uuid5(NAMESPACE_OID, f"{self.queue}:{given}:{self.delivery.body.hex()}")


async def park(tx: Transaction, event: ParkedEvent, *, state: str = "parked") -> int | None:
    """Record it and return how often it has been tried. Logs CRITICAL and counts when it is parked.

    None: somebody has discarded it, and that it comes again changes nothing.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO parked_event (id, queue, routing_key, reason, state, headers, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE SET attempts = parked_event.attempts + 1, last_at = now(),
            reason = excluded.reason, state = excluded.state
            WHERE parked_event.state <> 'discarded'
        RETURNING attempts
        """,
        event.id,
        event.queue,
        storable(event.delivery.routing_key),
        storable(event.reason),
        state,
        {storable(name): storable(str(value)) for name, value in event.delivery.headers.items()},
        event.delivery.body,
    )
    if row is None:
        return None
    if state == "parked":
        PARKED.labels(event.queue).inc()
        log.critical(
            "event.parked",
            event_id=str(event.id),
            queue=event.queue,
            type=event.delivery.routing_key,
            reason=event.reason,
            attempts=row["attempts"],
        )
    attempts: int = row["attempts"]
    return attempts


def storable(text: str) -> str:
    """PostgreSQL's text holds every character but NUL, and parking is the last place that may fail."""
    return text.replace("\x00", "\ufffd")


def user_of(headers: Mapping[str, object]) -> str:
    """Whose event it says it is, however broken it may be; empty where that is no user's id."""
    subject = storable(str(headers.get(f"{PREFIX}subject", "")))
    return subject if len(subject) <= MAX_SUBJECT else ""  # Longer ones find no room in an index.


def transfer_of(body: bytes) -> UUID | None:
    """The transfer that an event's data names, whatever else is in it."""
    try:
        return UUID(orjson.loads(body)["transfer_id"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
