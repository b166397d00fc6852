"""What may be asked: known fields only, each with its limits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.http.bodies import Amount, Body, Currency, Id, Link, MoneyBody, Name, Reason

MAX_HOLD_SECONDS = 30 * 24 * 3600


class AccountBody(Body):
    currency: Currency
    low_balance_threshold: Amount = "0"


class ThresholdBody(Body):
    currency: Currency
    amount: Amount


class CreditBody(MoneyBody):
    """``transfer_id`` is what it is booked as, once for ever, by however many operators under whatever keys.

    A payment that was not booked by itself is booked under its own, as ``source`` ``payment``.
    """

    source: Literal["manual", "bonus", "payment"]
    reason: Reason
    reference: Name | None = None
    transfer_id: Id | None = None

    @model_validator(mode="after")
    def _a_payment_is_booked_as_itself(self) -> Self:
        if self.source == "payment" and self.transfer_id is None:
            raise ValueError("a payment is booked under its transfer_id")
        return self


class DebitBody(MoneyBody):
    reason: Reason
    service: Name | None = None
    reference: Name | None = None
    link: Link | None = None


class HoldBody(MoneyBody):
    """What it says about itself is said again by the deduction it may become."""

    reason: Reason
    expires_in_seconds: Annotated[int, Field(ge=1, le=MAX_HOLD_SECONDS)]
    service: Name | None = None
    reference: Name | None = None
    link: Link | None = None
