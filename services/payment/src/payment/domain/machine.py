"""The two tables of what may happen next; a pair that is not listed changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from shared.events.payment import FailureCause


class State(StrEnum):
    """A payment's."""

    INITIATED = "initiated"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"
    COMPLETED = "completed"
    REQUIRES_REVIEW = "requires_review"


class Happened(StrEnum):
    """What a payment is told."""

    ACCEPTED = "accepted"  # The provider has a checkout, and it can still turn out to be paid.
    DECLINED = "declined"  # The payer's card or account.
    REFUSED = "refused"  # The provider opens no checkout for it.
    ABSENT = "absent"  # The provider provably never got it.
    UNANSWERED = "unanswered"  # A timeout or a fault: whether it acted is unknown.
    PAID = "paid"  # Looked up at the provider, and everything matches.
    MISMATCHED = "mismatched"  # Looked up and paid, but amount, currency or reference differ.
    LAPSED = "lapsed"  # Its time is over and the provider says that it is not paid.
    GIVEN_UP = "given_up"  # By the user.
    UNRESOLVED = "unresolved"  # The janitor's last look brought nothing either.
    CREDITED = "credited"
    CREDIT_REJECTED = "credit_rejected"


class RefundState(StrEnum):
    """A refund's, as far as the provider is concerned."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    PENDING = "pending"
    REFUNDED = "refunded"
    FAILED = "failed"
    REQUIRES_REVIEW = "requires_review"


class RefundHappened(StrEnum):
    """What a refund is told."""

    TAKEN_ON = "taken_on"  # The provider works on it.
    ASKED = "asked"  # It is asked for: until the answer is here, whether the provider acted is unknown.
    REFUNDED = "refunded"
    REFUSED = "refused"  # Definitively; perhaps long after it had succeeded.
    MISMATCHED = "mismatched"  # The provider refunded another amount or currency.
    UNRESOLVED = "unresolved"


class Publishes(StrEnum):
    """Which event a transition publishes."""

    SUCCEEDED = "payment.succeeded"
    COMPLETED = "payment.completed"
    FAILED = "payment.failed"
    FLAGGED = "payment.flagged"
    REFUNDED = "payment.refunded"
    REFUND_FAILED = "payment.refund_failed"


StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Transition(Generic[StateT]):
    to: StateT
    publishes: Publishes | None = None
    reason: str | None = None  # Where it is not that of what has happened.


# Waiting for the payer or for the provider's word.
OPEN = (State.INITIATED, State.PENDING, State.UNKNOWN)
# Over, as far as anybody knows. Not every provider lets a checkout be closed, so it may be paid all the same.
ENDED = (State.FAILED, State.EXPIRED, State.CANCELLED)
# A success wins over every one of these, however late it comes.
UNPAID = (*OPEN, *ENDED)
# The reason of a review where nobody knows whether it was paid.
UNRESOLVED = "unresolved"

_SUCCEEDED = Transition(State.SUCCEEDED, Publishes.SUCCEEDED)
_FAILED = Transition(State.FAILED, Publishes.FAILED)
_FLAGGED = Transition(State.REQUIRES_REVIEW, Publishes.FLAGGED)

PAYMENT: dict[tuple[State, Happened], Transition[State]] = {
    (State.INITIATED, Happened.ACCEPTED): Transition(State.PENDING),
    (State.INITIATED, Happened.DECLINED): _FAILED,
    (State.INITIATED, Happened.REFUSED): _FAILED,
    (State.INITIATED, Happened.ABSENT): _FAILED,
    (State.INITIATED, Happened.LAPSED): _FAILED,
    (State.INITIATED, Happened.UNANSWERED): Transition(State.UNKNOWN),
    (State.UNKNOWN, Happened.ACCEPTED): Transition(State.PENDING),
    (State.UNKNOWN, Happened.DECLINED): _FAILED,
    (State.UNKNOWN, Happened.REFUSED): _FAILED,
    (State.UNKNOWN, Happened.ABSENT): _FAILED,
    (State.UNKNOWN, Happened.LAPSED): _FAILED,
    (State.UNKNOWN, Happened.UNRESOLVED): _FLAGGED,
    **{(state, Happened.PAID): _SUCCEEDED for state in UNPAID},
    **{(state, Happened.MISMATCHED): _FLAGGED for state in UNPAID},
    **{(state, Happened.GIVEN_UP): Transition(State.CANCELLED, Publishes.FAILED) for state in OPEN},
    (State.PENDING, Happened.DECLINED): _FAILED,
    (State.PENDING, Happened.LAPSED): Transition(State.EXPIRED, Publishes.FAILED),
    (State.PENDING, Happened.UNRESOLVED): _FLAGGED,
    (State.SUCCEEDED, Happened.CREDITED): Transition(State.COMPLETED, Publishes.COMPLETED),
    (State.SUCCEEDED, Happened.CREDIT_REJECTED): _FLAGGED,
    # By a person, who has looked.
    (State.REQUIRES_REVIEW, Happened.CREDITED): Transition(State.COMPLETED, Publishes.COMPLETED),
}
# What to say of a payment that has failed.
CAUSES = {
    Happened.DECLINED: FailureCause.DECLINED,
    Happened.REFUSED: FailureCause.REFUSED,
    Happened.ABSENT: FailureCause.UNREACHABLE,
    Happened.LAPSED: FailureCause.EXPIRED,
    Happened.GIVEN_UP: FailureCause.CANCELLED,
}
# Of one that is in review because nobody knew, the provider may still come to say that it was paid.
PAYMENT_UNRESOLVED: dict[Happened, Transition[State]] = {
    Happened.PAID: _SUCCEEDED,
    Happened.MISMATCHED: _FLAGGED,
}


def transition_of(state: State, reason: str | None, happened: Happened) -> Transition[State] | None:
    """What comes of it where a payment in ``state``, for this reason, is told so; None: nothing."""
    if state is State.REQUIRES_REVIEW and reason == UNRESOLVED and happened in PAYMENT_UNRESOLVED:
        return PAYMENT_UNRESOLVED[happened]
    return PAYMENT.get((state, happened))


_REFUNDED = Transition(RefundState.REFUNDED, Publishes.REFUNDED)
_REFUSED = Transition(RefundState.FAILED, Publishes.REFUND_FAILED)
_REVIEW = Transition(RefundState.REQUIRES_REVIEW)
# Told as failed, so the user has the credits again: and the money too. Nothing that is told later mends that.
GIVEN_BACK_ALL_THE_SAME = "given back though it had failed"
_CONTRADICTED = Transition(RefundState.REQUIRES_REVIEW, reason=GIVEN_BACK_ALL_THE_SAME)
# What there is to say of a refund that has ended.
OUTCOMES = {RefundState.REFUNDED: Publishes.REFUNDED, RefundState.FAILED: Publishes.REFUND_FAILED}
_UNDER_WAY = (RefundState.REQUESTED, RefundState.UNKNOWN, RefundState.PENDING)

REFUND: dict[tuple[RefundState, RefundHappened], Transition[RefundState]] = {
    (RefundState.REQUESTED, RefundHappened.ASKED): Transition(RefundState.UNKNOWN),
    (RefundState.UNKNOWN, RefundHappened.TAKEN_ON): Transition(RefundState.PENDING),
    (RefundState.REQUESTED, RefundHappened.TAKEN_ON): Transition(RefundState.PENDING),
    **{(state, RefundHappened.REFUNDED): _REFUNDED for state in _UNDER_WAY},
    **{(state, RefundHappened.REFUSED): _REFUSED for state in _UNDER_WAY},
    **{(state, RefundHappened.MISMATCHED): _REVIEW for state in _UNDER_WAY},
    (RefundState.UNKNOWN, RefundHappened.UNRESOLVED): _REVIEW,
    (RefundState.PENDING, RefundHappened.UNRESOLVED): _REVIEW,
    # Nobody knew any more; the provider's definitive word still ends it.
    (RefundState.REQUIRES_REVIEW, RefundHappened.REFUNDED): _REFUNDED,
    (RefundState.REQUIRES_REVIEW, RefundHappened.REFUSED): _REFUSED,
    # A bank may send the money back days after the provider had called it refunded.
    (RefundState.REFUNDED, RefundHappened.REFUSED): _REFUSED,
    (RefundState.FAILED, RefundHappened.REFUNDED): _CONTRADICTED,
    (RefundState.FAILED, RefundHappened.MISMATCHED): _CONTRADICTED,
}


def refund_transition_of(
    state: RefundState, reason: str | None, happened: RefundHappened
) -> Transition[RefundState] | None:
    """What comes of it where a refund in ``state``, for this reason, is told so; None: nothing."""
    if state is RefundState.REQUIRES_REVIEW and reason == GIVEN_BACK_ALL_THE_SAME:
        return None
    return REFUND.get((state, happened))
