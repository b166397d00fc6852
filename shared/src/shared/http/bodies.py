"""What requests are made of: known fields only, each with its limits."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.money import AMOUNT, InvalidAmount, Money
from shared.texts import plain_text, relative_link

# The pattern is for the document; Money.parse reads it, and says what is wrong with it.
Amount = Annotated[
    str,
    StringConstraints(max_length=24),
    Field(examples=["12.50"], json_schema_extra={"pattern": AMOUNT}),
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["USD"])]
Reason = Annotated[
    str, StringConstraints(max_length=200), AfterValidator(plain_text), Field(examples=["Paid by cheque"])
]
Name = Annotated[
    str, StringConstraints(max_length=100), AfterValidator(plain_text), Field(examples=["WhatsApp"])
]
Link = Annotated[
    str,
    StringConstraints(max_length=300),
    AfterValidator(relative_link),
    Field(examples=["/verifications/42"]),
]
# Strict bodies take a UUID for a UUID only, and JSON has none.
Id = Annotated[UUID, Field(strict=False)]


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
