"""How answers look: decimal strings instead of minor units, and no field that is not listed here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel

from refund.domain.refund import Refund

ShownState = Literal["holding", "rejected", "initiated", "processing", "completed", "failed", "cancelled"]


class RefundView(BaseModel):
    """``failure_code`` and ``failure_reason`` say why a refund was rejected or has failed."""

    refund_id: UUID
    user_id: str
    kind: Literal["credit", "money"]
    auto: bool
    payment_id: UUID | None
    verification_id: UUID | None
    amount: str
    currency: str
    reference: str
    reason: str
    state: ShownState
    failure_code: str | None
    failure_reason: str | None
    transfer_id: UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, refund: Refund) -> Self:
        return cls(
            refund_id=refund.id,
            user_id=refund.user_id,
            kind=refund.kind,
            auto=refund.auto,
            payment_id=refund.payment_id,
            verification_id=refund.verification_id,
            amount=refund.money.amount,
            currency=refund.currency,
            reference=refund.reference,
            reason=refund.reason,
            state=refund.shown_state,
            failure_code=refund.failure_code,
            failure_reason=refund.failure_reason,
            transfer_id=refund.transfer_id,
            created_at=refund.created_at,
            updated_at=refund.updated_at,
        )


class RefundsView(BaseModel):
    items: list[RefundView]
    next: str | None

    @classmethod
    def of(cls, refunds: Sequence[Refund], following: str | None) -> Self:
        return cls(items=[RefundView.of(refund) for refund in refunds], next=following)
