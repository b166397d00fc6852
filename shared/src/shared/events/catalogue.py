"""The catalogue: every event type, the exchange it is published to and the lane it travels in."""

from __future__ import annotations

from shared.events import activity, credit, letter, payment, refund, verification
from shared.events.contract import Event, Lane

_EVENTS: tuple[type[Event], ...] = (
    credit.CreditAdded,
    credit.CreditDeducted,
    credit.CreditHeld,
    credit.CreditReleased,
    credit.CreditLowBalance,
    credit.CreditRejected,
    payment.PaymentInitiated,
    payment.PaymentSucceeded,
    payment.PaymentCompleted,
    payment.PaymentFailed,
    payment.PaymentFlagged,
    payment.PaymentRefunded,
    payment.PaymentRefundFailed,
    refund.RefundInitiated,
    refund.RefundProcessing,
    refund.RefundCompleted,
    refund.RefundFailed,
    refund.RefundCancelled,
    verification.VerificationInitiated,
    verification.VerificationNumberAssigned,
    verification.VerificationCodeReceived,
    verification.VerificationFailed,
    verification.VerificationTimedOut,
    verification.VerificationCancelled,
    verification.VerificationLateSms,
    activity.ActivityFlagged,
    activity.ActivityConfirmed,
    activity.ActivityDisputed,
    letter.LetterDiscarded,
)

CATALOGUE: dict[str, type[Event]] = {event.TYPE: event for event in _EVENTS}


def exchange_of(event_type: str) -> str:
    """The topic exchange of an event type: ``credit.added.v1`` goes to ``credit.events``."""
    return f"{event_type.partition('.')[0]}.events"


def lane_of(event_type: str) -> Lane:
    """The lane of a type of the catalogue. Raises KeyError for any other."""
    return CATALOGUE[event_type].LANE
