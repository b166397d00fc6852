"""A refund, what it gives back from, and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID, uuid5

from refund.domain.machine import State
from shared.money import Money

Kind: TypeAlias = Literal["credit", "money"]
RefundableKind: TypeAlias = Literal["payment", "verification"]
AutoReason: TypeAlias = Literal["timeout", "cancelled"]

# None of these ever changes, or a repetition would give money back again.
REFUNDS = UUID("3b7e1c52-9d0f-5f3a-8c41-5a1e6f0b2d01")
_AUTOMATIC = UUID("3b7e1c52-9d0f-5f3a-8c41-5a1e6f0b2d02")
_TRANSFERS = UUID("3b7e1c52-9d0f-5f3a-8c41-5a1e6f0b2d03")


def automatic_id(verification_id: UUID) -> UUID:
    """A verification has at most one automatic refund, and this is its id."""
    return uuid5(_AUTOMATIC, str(verification_id))


def transfer_of(refund_id: UUID) -> UUID:
    """Under which credit adds the amount."""
    return uuid5(_TRANSFERS, f"{refund_id}")


def reversal_of(refund_id: UUID) -> UUID:
    """Under which credit gives back what a refund to the card had taken."""
    return uuid5(_TRANSFERS, f"{refund_id} reversal")


@dataclass(frozen=True, slots=True)
class Refundable:
    """A payment or a verification. ``auto_reason``: the money has to go back, whoever asks or does not."""

    id: UUID
    kind: RefundableKind
    user_id: str
    currency: str
    amount_minor: int
    reserved_minor: int
    service: str | None
    transfer_id: UUID | None
    reference: str | None
    auto_reason: AutoReason | None

    @property
    def remaining(self) -> Money:
        return Money(self.amount_minor - self.reserved_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Refund:
    """As its row says at this moment."""

    id: UUID
    number: int
    refundable_id: UUID
    user_id: str
    kind: Kind
    auto: bool
    payment_id: UUID | None
    verification_id: UUID | None
    currency: str
    amount_minor: int
    reference: str
    reason: str
    state: State
    failure_code: str | None
    failure_reason: str | None
    remaining_minor: int | None
    hold_id: UUID | None
    transfer_id: UUID | None
    compensation_transfer_id: UUID | None
    processing_event_id: UUID | None
    failed_event_id: UUID | None
    initiated_by: str
    fingerprint: str
    attempts: int
    created_at: datetime
    updated_at: datetime

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def shown_state(self) -> str:
        """As it is stored and answered."""
        return State.PROCESSING if self.state in (State.POSTING, State.VOIDING) else self.state


@dataclass(frozen=True, slots=True)
class Case:
    """A refund and what it gives back from, both locked until the transaction ends."""

    refund: Refund
    refundable: Refundable


@dataclass(frozen=True, slots=True)
class Booked:
    """A transfer at credit and what the account was after it, in minor units."""

    transfer_id: UUID
    balance_after: int
    held_after: int
    version: int


@dataclass(frozen=True, slots=True)
class InitiateRefund:
    """``amount`` is a decimal string; None means: all that remains."""

    id: UUID
    fingerprint: str
    caller: str
    operator: bool
    acts_for_all: bool
    refundable_id: UUID
    refundable_kind: RefundableKind
    kind: Kind
    amount: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why: a stable code, and words for whoever reads the refund."""

    code: str
    reason: str


EXCEEDS = "refund_exceeds_payment"
SPENT = "credits_already_spent"
ABANDONED = "abandoned"
