"""What a provider tells about a checkout or a refund, and what that means for ours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from payment.domain.machine import Happened, RefundHappened
from payment.domain.payment import Payment, ProviderRefund
from shared.money import Money
from shared.texts import made_plain


class Declined(Exception):
    """The provider's definitive no. ``reason`` may be shown to the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = made_plain(reason, 200)


class CheckoutStatus(StrEnum):
    OPEN = "open"  # To be paid, as long as it is not closed.
    PROCESSING = (
        "processing"  # The payer has done their part; the provider has yet to say whether it is paid.
    )
    PAID = "paid"
    DECLINED = "declined"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """``paid`` is what was really paid, in our minor units."""

    provider_id: str
    reference: str | None
    status: CheckoutStatus
    checkout_url: str | None = None
    paid: Money | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFound:
    provider_id: str
    status: RefundStatus
    money: Money
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A verified webhook: whose news it brings. What it says about money is not believed, but looked up.

    ``claims_paid``: it says so of a checkout, and a look-up that knows nothing of that came too soon.
    """

    event_id: str
    kind: Literal["checkout", "refund", "dispute", "other"]
    reference: str | None = None
    provider_id: str | None = None
    claims_paid: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    happened: Happened
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RefundVerdict:
    happened: RefundHappened
    reason: str | None = None


def judge(payment: Payment, checkout: Checkout) -> Verdict | None:
    """What a checkout that was just looked up means; None: it is another one, and not paid either."""
    ours = payment.provider_id in (None, checkout.provider_id)
    match checkout.status:
        case CheckoutStatus.PAID:
            wrong = _differences(payment, checkout)
            return Verdict(Happened.MISMATCHED, wrong) if wrong else Verdict(Happened.PAID)
        case _ if not ours:
            return None
        case CheckoutStatus.OPEN | CheckoutStatus.PROCESSING:
            return Verdict(Happened.ACCEPTED)
        case CheckoutStatus.DECLINED:
            return Verdict(Happened.DECLINED, checkout.reason or "declined")
        case CheckoutStatus.EXPIRED:
            return Verdict(Happened.LAPSED, "expired")


def _differences(payment: Payment, checkout: Checkout) -> str:
    wrong = []
    if checkout.paid is None or checkout.paid.minor != payment.money.minor:
        wrong.append("amount")
    if checkout.paid is None or checkout.paid.currency != payment.money.currency:
        wrong.append("currency")
    if checkout.reference != payment.reference:
        wrong.append("reference")
    if payment.provider_id not in (None, checkout.provider_id):
        wrong.append("checkout")
    return f"paid with another {' and '.join(wrong)}" if wrong else ""


def judge_refund(refund: ProviderRefund, found: RefundFound) -> RefundVerdict:
    match found.status:
        case RefundStatus.PENDING:
            return RefundVerdict(RefundHappened.TAKEN_ON)
        case RefundStatus.FAILED:
            return RefundVerdict(RefundHappened.REFUSED, found.reason or "refused by the provider")
        case RefundStatus.SUCCEEDED if found.money != refund.money:
            return RefundVerdict(RefundHappened.MISMATCHED, "the provider refunded another sum")
        case RefundStatus.SUCCEEDED:
            return RefundVerdict(RefundHappened.REFUNDED)
