"""Checkouts and refunds, as they are kept and as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sandbox.faults import Faults
from sandbox.records import iso

CheckoutStatus = Literal["open", "paid", "declined", "expired"]
RefundStatus = Literal["pending", "succeeded", "failed"]


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money on its way back; one that has succeeded may still fail later."""

    id: str
    checkout_id: str
    reference: str
    amount_minor: int
    currency: str
    status: RefundStatus
    created_at: datetime
    faults: Faults
    failure_reason: str | None = None

    def view(self) -> dict[str, object]:
        return {
            "id": self.id,
            "checkout_id": self.checkout_id,
            "reference": self.reference,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "status": self.status,
            "failure_reason": self.failure_reason,
            "created_at": iso(self.created_at),
        }


@dataclass(slots=True, kw_only=True)
class Checkout:
    """A sum a merchant asks for, on a page where a person pays it or does not."""

    id: str
    reference: str
    amount_minor: int
    currency: str
    return_url: str | None
    description: str | None
    checkout_url: str
    created_at: datetime
    expires_at: datetime
    faults: Faults
    status: CheckoutStatus = "open"
    decline_reason: str | None = None
    paid_amount_minor: int | None = None
    paid_currency: str | None = None
    refunds: list[Refund] = field(default_factory=list)

    @property
    def refundable_minor(self) -> int:
        """What is left of the payment; refunds that failed have given their part back."""
        return (self.paid_amount_minor or 0) - sum(
            refund.amount_minor for refund in self.refunds if refund.status != "failed"
        )

    def view(self) -> dict[str, object]:
        return {
            "id": self.id,
            "reference": self.reference,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "description": self.description,
            "return_url": self.return_url,
            "status": self.status,
            "decline_reason": self.decline_reason,
            "paid_amount_minor": self.paid_amount_minor,
            "paid_currency": self.paid_currency,
            "checkout_url": self.checkout_url,
            "created_at": iso(self.created_at),
            "expires_at": iso(self.expires_at),
        }
