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
    """A delivery and why it could not be handled. ``reason`` must hold no value of its data.

    ``tried``: a try of it has just come to its end.
    """

    queue: str
    reason: str
    delivery: Delivery = field(repr=False)
    tried: bool = True

    @property
    def id(self) -> UUID:
        # Made of what is stored, whatever queue it came by: replayed it must be the same one.
        given = storable(str(self.delivery.headers.get("cloudEvents:id", ""))) or self.delivery.message_id
        try:
            return UUID(given)
        except (ValueError, TypeError):
            return uuid5(NAMESPACE_OID, f"{given}:{self.delivery.body.hex()}")


async def park(tx: Transaction, event: ParkedEvent) -> int | None:
    """Record it and return how often it has been tried. Logs CRITICAL and counts it.

    None: somebody has discarded it, and that it comes again changes nothing.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO parked_event (id, queue, routing_key, reason, headers, body, state, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, 'parked', $7)
        ON CONFLICT (id) DO UPDATE SET state = 'parked', reason = excluded.reason, last_at = now(),
            -- A try that is on record as begun was counted then.
            attempts = parked_event.attempts + greatest(excluded.attempts - parked_event.unfinished, 0),
            unfinished = greatest(parked_event.unfinished - excluded.attempts, 0)
            WHERE parked_event.state <> 'discarded'
        RETURNING attempts
        """,
        *_stored(event),
        int(event.tried),
    )
    if row is None:
        return None
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


async def begin_try(tx: Transaction, event: ParkedEvent, most_unfinished: int) -> bool:
    """Record that it is being tried; where a reason is known already, that one stays.

    False, and nothing is changed: so many tries came to no end before, or somebody has discarded it.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO parked_event (id, queue, routing_key, reason, headers, body, state, unfinished)
        VALUES ($1, $2, $3, $4, $5, $6, 'attempting', 1)
        ON CONFLICT (id) DO UPDATE SET state = 'attempting', last_at = now(),
            attempts = parked_event.attempts + 1, unfinished = parked_event.unfinished + 1
            WHERE parked_event.state <> 'discarded' AND parked_event.unfinished < $7
        RETURNING id
        """,
        *_stored(event),
        most_unfinished,
    )
    return row is not None


def _stored(event: ParkedEvent) -> tuple[object, ...]:
    return (
        event.id,
        event.queue,
        storable(event.delivery.routing_key),
        storable(event.reason),
        {storable(name): storable(str(value)) for name, value in event.delivery.headers.items()},
        event.delivery.body,
    )


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
