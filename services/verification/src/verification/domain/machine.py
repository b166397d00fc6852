"""What may become of a verification: one table, and whatever it does not list changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.events import Event
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationFailed,
    VerificationInitiated,
    VerificationLateSms,
    VerificationNumberAssigned,
    VerificationTimedOut,
)


class State(StrEnum):
    HOLDING = "holding"  # The intent alone; nobody but us knows of it.
    REJECTED = "rejected"
    REQUESTED = "requested"
    UNKNOWN = "unknown"  # Whether a number was bought has to be looked up.
    AWAITING_SMS = "awaiting_sms"
    EXPIRING = "expiring"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    REQUIRES_REVIEW = "requires_review"  # A person has to look, and we do so once a day.


class Happening(StrEnum):
    """What can happen to a verification, from wherever we hear of it."""

    HOLD_PLACED = "hold_placed"
    HOLD_REFUSED = "hold_refused"
    NUMBER_CHARGED = "number_charged"  # A number is bought, or found, and its hold posted.
    DECLINED = "declined"  # Definitively no number, and the hold is gone.
    ABSENT = "absent"  # Provably no order, and the hold is gone.
    CHARGED_IN_VAIN = "charged_in_vain"  # No number, but the hold turns out to have been posted.
    LOST_SIGHT = "lost_sight"  # A time-out, a 5xx or a crash while buying.
    GIVEN_UP = "given_up"  # The janitor's last step, or a day in review, has not resolved it either.
    SMS_RECEIVED = "sms_received"
    DEADLINE_PASSED = "deadline_passed"
    CANCEL_ASKED = "cancel_asked"
    ORDER_OVER = "order_over"  # Its end without an SMS is confirmed by the provider.


@dataclass(frozen=True, slots=True)
class Transition:
    state: State
    publishes: type[Event] | None = None


_ASSIGNED = Transition(State.AWAITING_SMS, VerificationNumberAssigned)
_COMPLETED = Transition(State.COMPLETED, VerificationCodeReceived)
_FAILED = Transition(State.FAILED, VerificationFailed)
_TIMED_OUT = Transition(State.TIMED_OUT, VerificationTimedOut)
_REVIEW = Transition(State.REQUIRES_REVIEW)

TRANSITIONS: Mapping[tuple[State, Happening], Transition] = {
    (State.HOLDING, Happening.HOLD_PLACED): Transition(State.REQUESTED, VerificationInitiated),
    (State.HOLDING, Happening.HOLD_REFUSED): Transition(State.REJECTED),
    (State.REQUESTED, Happening.NUMBER_CHARGED): _ASSIGNED,
    (State.REQUESTED, Happening.DECLINED): _FAILED,
    (State.REQUESTED, Happening.CHARGED_IN_VAIN): _TIMED_OUT,
    (State.REQUESTED, Happening.LOST_SIGHT): Transition(State.UNKNOWN),
    (State.REQUESTED, Happening.GIVEN_UP): _REVIEW,
    (State.UNKNOWN, Happening.NUMBER_CHARGED): _ASSIGNED,
    (State.UNKNOWN, Happening.DECLINED): _FAILED,
    (State.UNKNOWN, Happening.ABSENT): _FAILED,
    (State.UNKNOWN, Happening.CHARGED_IN_VAIN): _TIMED_OUT,
    (State.UNKNOWN, Happening.GIVEN_UP): _REVIEW,
    (State.AWAITING_SMS, Happening.SMS_RECEIVED): _COMPLETED,
    (State.AWAITING_SMS, Happening.DEADLINE_PASSED): Transition(State.EXPIRING),
    (State.AWAITING_SMS, Happening.CANCEL_ASKED): Transition(State.CANCELLING),
    (State.EXPIRING, Happening.SMS_RECEIVED): _COMPLETED,
    (State.EXPIRING, Happening.ORDER_OVER): _TIMED_OUT,
    (State.EXPIRING, Happening.GIVEN_UP): _REVIEW,
    (State.CANCELLING, Happening.SMS_RECEIVED): _COMPLETED,
    (State.CANCELLING, Happening.ORDER_OVER): Transition(State.CANCELLED, VerificationCancelled),
    (State.CANCELLING, Happening.GIVEN_UP): _REVIEW,
    # What is still open goes on from where it stood, and each day that decides nothing is told.
    (State.REQUIRES_REVIEW, Happening.NUMBER_CHARGED): _ASSIGNED,
    (State.REQUIRES_REVIEW, Happening.DECLINED): _FAILED,
    (State.REQUIRES_REVIEW, Happening.ABSENT): _FAILED,
    (State.REQUIRES_REVIEW, Happening.CHARGED_IN_VAIN): _TIMED_OUT,
    (State.REQUIRES_REVIEW, Happening.SMS_RECEIVED): _COMPLETED,
    (State.REQUIRES_REVIEW, Happening.DEADLINE_PASSED): Transition(State.EXPIRING),
    (State.REQUIRES_REVIEW, Happening.CANCEL_ASKED): Transition(State.CANCELLING),
    (State.REQUIRES_REVIEW, Happening.GIVEN_UP): _REVIEW,
    # The money is on its way back: the code is withheld, and only said to have come.
    (State.TIMED_OUT, Happening.SMS_RECEIVED): Transition(State.TIMED_OUT, VerificationLateSms),
    (State.CANCELLED, Happening.SMS_RECEIVED): Transition(State.CANCELLED, VerificationLateSms),
}

# What a user may have many of at once; the rest is over or is a person's.
ACTIVE = frozenset(
    {
        State.HOLDING,
        State.REQUESTED,
        State.UNKNOWN,
        State.AWAITING_SMS,
        State.EXPIRING,
        State.CANCELLING,
    }
)


def transition(state: State, happening: Happening) -> Transition | None:
    """None: it changes nothing."""
    return TRANSITIONS.get((state, happening))
