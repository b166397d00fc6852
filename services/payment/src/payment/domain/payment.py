"""A payment and a refund as their rows say they are at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from payment.domain.machine import RefundState, State
from shared.money import Money


@dataclass(frozen=True, slots=True)
class Intent:
    """What the user asked for, under the id that every repetition has."""

    id: UUID
    fingerprint: str
    user_id: str
    money: Money
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    id: UUID
    number: int
    user_id: str
    money: Money
    reference: str
    provider: str
    state: State
    reason: str | None
    provider_id: str | None
    checkout_url: str | None
    transfer_id: UUID
    fingerprint: str
    attempts: int
    correlation_id: str | None
    deadline: datetime
    lapsed: bool  # The deadline has passed, by the database's clock.
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRefund:
    id: UUID
    payment_id: UUID
    user_id: str
    money: Money
    reference: str
    state: RefundState
    reason: str | None
    provider_refund_id: str | None
    attempts: int
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account was once the payment's credits were on it, in minor units."""

    after: int
    held: int
    version: int
