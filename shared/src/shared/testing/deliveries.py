"""Events as a consumer gets them, without a publisher: for tests of what happens next."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from shared.events import Envelope, Event, exchange_of
from shared.events.credit import CreditAdded
from shared.messaging import Delivery, Message

_tags = count(1)


def added(reference: str = "PAY-1") -> CreditAdded:
    """Five dollars, of a transfer of its own."""
    return CreditAdded(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=500,
        balance_after=500,
        held_after=0,
        version=1,
        source="payment",
        reason="Top-up",
        reference=reference,
    )


def envelope_of(
    event: Event, user_id: str, *, event_id: UUID | None = None, at: datetime | None = None
) -> Envelope:
    """A fresh envelope, unless the id is given: then it is the same event again."""
    return Envelope(
        id=event_id or uuid4(),
        type=event.TYPE,
        source="test",
        subject=user_id,
        time=at or datetime.now(UTC),
        data=event.model_dump_json().encode(),
    )


def delivery_of(envelope: Envelope) -> Delivery:
    return Delivery(
        tag=next(_tags),
        routing_key=envelope.type,
        message_id=str(envelope.id),
        redelivered=False,
        headers=dict(envelope.headers()),
        body=envelope.data,
    )


def message_of(envelope: Envelope) -> Message:
    """As its service would publish it."""
    return Message(
        exchange=exchange_of(envelope.type),
        routing_key=envelope.type,
        message_id=str(envelope.id),
        body=envelope.data,
        headers=envelope.headers(),
    )
