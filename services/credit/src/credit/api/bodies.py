"""What may be asked: known fields only, each with its limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from credit.domain.texts import plain_text, relative_link
from shared.money import InvalidAmount, Money

MAX_HOLD_SECONDS = 30 * 24 * 3600

Amount = Annotated[str, StringConstraints(max_length=24), Field(examples=["12.50"])]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["USD"])]
Reason = Annotated[str, StringConstraints(max_length=200), AfterValidator(plain_text)]
Name = Annotated[str, StringConstraints(max_length=100), AfterValidator(plain_text)]
Link = Annotated[str, StringConstraints(max_length=300), AfterValidator(relative_link)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MoneyBody(Body):
    amount: Amount
    currency: Currency

    def money(self) -> Money:
        """Raises InvalidAmount or UnknownCurrency."""
        money = Money.parse(self.amount, self.currency)
        if money.minor == 0:
            raise InvalidAmount("the amount is zero")
        return money


class AccountBody(Body):
    currency: Currency
    low_balance_threshold: Amount = "0"


class ThresholdBody(Body):
    currency: Currency
    amount: Amount


class CreditBody(MoneyBody):
    source: Literal["manual", "bonus"]
    reason: Reason
    reference: Name | None = None


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
