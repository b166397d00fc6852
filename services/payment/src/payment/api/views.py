"""How answers look: decimal strings instead of minor units, and no field that is not listed here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from payment.domain.machine import State
from payment.domain.payment import Payment


class PaymentView(BaseModel):
    """A payment as it is now. ``checkout_url`` is where to pay it, as long as it can be paid there."""

    payment_id: UUID
    user_id: str
    amount: str
    currency: str
    reference: str
    provider: str
    state: State
    reason: str | None
    checkout_url: str | None
    transfer_id: UUID
    expires_at: datetime
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> PaymentView:
        return cls(
            payment_id=payment.id,
            user_id=payment.user_id,
            amount=payment.money.amount,
            currency=payment.money.currency,
            reference=payment.reference,
            provider=payment.provider,
            state=payment.state,
            reason=payment.reason,
            checkout_url=payment.checkout_url if payment.state is State.PENDING else None,
            transfer_id=payment.transfer_id,
            expires_at=payment.deadline,
            created_at=payment.created_at,
            updated_at=payment.updated_at,
        )


class PaymentsView(BaseModel):
    items: list[PaymentView]
    next: str | None
