"""An order at a provider, in our words: what it is for, what it is now, and how a call for it can fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Purchase:
    """A number we want: the provider's own name of the product, and the reference that tells it apart.

    The intent to buy was committed ``age_seconds`` ago: the order, if there is one, is not older.
    """

    reference: str
    product: str
    country: str
    age_seconds: float


class OrderState(StrEnum):
    PENDING = "pending"
    RECEIVED = "received"  # An SMS is there, whatever else is true of the order.
    OVER = "over"  # Cancelled, timed out or banned, without an SMS.


@dataclass(frozen=True, slots=True)
class Order:
    """``code`` is the newest SMS's, or its whole text where the provider found none in it."""

    id: str
    phone_number: str
    state: OrderState
    reference: str | None = None
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a verified webhook is about. Its text stays behind: it may hold a code."""

    event_id: str
    type: str
    order_id: str


class Declined(Exception):
    """Definitively no number. ``reason`` is for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownOrder(Exception):
    """The provider knows no such order."""


class CancelTooEarly(Exception):
    """The order may be cancelled in so many seconds."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"in {retry_after_seconds:g} s")
        self.retry_after_seconds = retry_after_seconds
