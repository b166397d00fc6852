"""What may become of a refund: one table, and whatever it does not list changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.events import Event
from shared.events.refund import (
    RefundCancelled,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundProcessing,
)


class State(StrEnum):
    NEW = "new"  # Asked for, and not a row yet.
    HOLDING = "holding"  # The intent alone, while the user's credits are being set aside.
    REJECTED = "rejected"
    INITIATED = "initiated"
    PROCESSING = "processing"
    # The provider has spoken, and credit is still to be told. Shown, and stored, as processing.
    POSTING = "posting"
    VOIDING = "voiding"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Happening(StrEnum):
    """What can happen to a refund, from wherever we hear of it."""

    ASKED = "asked"
    ASKED_TO_CARD = "asked_to_card"  # The user's credits have to be held first.
    ASKED_TOO_MUCH = "asked_too_much"
    HOLD_PLACED = "hold_placed"
    HOLD_REFUSED = "hold_refused"
    ABANDONED = "abandoned"  # Whoever asked was never told, and has not come back.
    CLAIMED = "claimed"  # By an operator, or by the worker when its time had come.
    CANCEL_ASKED = "cancel_asked"
    CREDITED = "credited"
    CREDIT_REJECTED = "credit_rejected"
    MONEY_RETURNED = "money_returned"  # The provider has given it back to the card.
    MONEY_REFUSED = "money_refused"  # The provider has refused it, or failed it afterwards.
    HOLD_POSTED = "hold_posted"
    HOLD_VOIDED = "hold_voided"


@dataclass(frozen=True, slots=True)
class Transition:
    """``reverses``: the credits were already taken and are added again by a transfer of its own."""

    state: State
    publishes: tuple[type[Event], ...] = ()
    reverses: bool = False


TRANSITIONS: Mapping[tuple[State, Happening], Transition] = {
    (State.NEW, Happening.ASKED): Transition(State.INITIATED, (RefundInitiated,)),
    (State.NEW, Happening.ASKED_TO_CARD): Transition(State.HOLDING),
    (State.NEW, Happening.ASKED_TOO_MUCH): Transition(State.REJECTED),
    (State.HOLDING, Happening.HOLD_PLACED): Transition(State.INITIATED, (RefundInitiated,)),
    (State.HOLDING, Happening.HOLD_REFUSED): Transition(State.REJECTED),
    (State.HOLDING, Happening.ABANDONED): Transition(State.REJECTED),
    (State.INITIATED, Happening.CLAIMED): Transition(State.PROCESSING, (RefundProcessing,)),
    (State.INITIATED, Happening.CANCEL_ASKED): Transition(State.CANCELLED, (RefundCancelled,)),
    (State.PROCESSING, Happening.CREDITED): Transition(State.COMPLETED, (RefundCompleted,)),
    (State.PROCESSING, Happening.CREDIT_REJECTED): Transition(State.FAILED, (RefundFailed,)),
    (State.PROCESSING, Happening.MONEY_RETURNED): Transition(State.POSTING),
    (State.PROCESSING, Happening.MONEY_REFUSED): Transition(State.VOIDING),
    (State.POSTING, Happening.HOLD_POSTED): Transition(State.COMPLETED, (RefundCompleted,)),
    # It succeeded and failed again before credit was told: the credits were not taken yet, so they stay.
    (State.POSTING, Happening.MONEY_REFUSED): Transition(State.VOIDING),
    (State.VOIDING, Happening.HOLD_VOIDED): Transition(State.FAILED, (RefundFailed,)),
    # The same, but credit had just been told.
    (State.VOIDING, Happening.HOLD_POSTED): Transition(
        State.FAILED, (RefundCompleted, RefundFailed), reverses=True
    ),
    (State.COMPLETED, Happening.MONEY_REFUSED): Transition(State.FAILED, (RefundFailed,), reverses=True),
}

# What is reserved of a payment or verification is free again.
RELEASED = frozenset({State.REJECTED, State.FAILED, State.CANCELLED})
ENDED = RELEASED | {State.COMPLETED}
UNDER_WAY = frozenset({State.PROCESSING, State.POSTING, State.VOIDING})
# The provider was asked for the money. Where it has failed the refund, its success came before that and is
# heard late: payment lets a failure follow a success, and nothing follow a failure.
ASKED_FOR_MONEY = UNDER_WAY | {State.COMPLETED, State.FAILED}
