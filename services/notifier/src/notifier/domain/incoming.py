"""One event as the notifier takes it: whose it is, what they see of it, what it says about their balance."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from notifier.domain.dispatcher import NotificationDispatcher
from notifier.domain.notification import Notification, Suppressed
from shared.events import BalanceChange, Envelope


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account held at one of its versions, in minor units; available is posted less held."""

    currency: str
    posted_minor: int
    held_minor: int
    version: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event that could be read. Either it has a notification, or ``suppressed`` says why it has none."""

    envelope: Envelope
    notification: Notification | None
    suppressed: Suppressed | None
    balance: Balance | None
    transfer_id: UUID | None
    reference: str | None


def receive(envelope: Envelope, dispatcher: NotificationDispatcher) -> Incoming:
    """Read an event's data and say what it means.

    Raises:
        UnknownEvent, InvalidEvent: the data cannot be read.
        UnknownCurrency: it names a currency that does not exist.
    """
    event = envelope.event()
    balance = None
    if isinstance(event, BalanceChange):
        posted = event.balance_after + event.held_after
        balance = Balance(event.currency, posted, event.held_after, event.version)
    said = dispatcher.dispatch(event)
    return Incoming(
        envelope,
        notification=said if isinstance(said, Notification) else None,
        suppressed=said if isinstance(said, Suppressed) else None,
        balance=balance,
        transfer_id=getattr(event, "transfer_id", None),
        reference=getattr(event, "reference", None),
    )
