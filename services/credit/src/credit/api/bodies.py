"""What may be asked: known fields only, each with its limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.http.bodies import Amount, Body, Currency, Link, MoneyBody, Name, Reason

MAX_HOLD_SECONDS = 30 * 24 * 3600


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
