"""A provider in memory, for tests: it keeps checkouts and refunds, and fails as it is told to."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Literal

import orjson

from payment.domain.payment import Payment, ProviderRefund
from payment.domain.provider import (
    Checkout,
    CheckoutStatus,
    Declined,
    RefundFound,
    RefundStatus,
    WebhookEvent,
)
from shared.money import Money
from shared.providers.errors import InvalidWebhook, ProviderAway

Fault = Literal["before", "after", "declined", "blind"]


class FakeProvider:
    """``faults`` wait for the next calls of a method: away before or after it acts, a refusal, or a look that
    does not see yet what is there.

    Without ``has_keys`` a request that comes twice is done twice.
    """

    name = "fake"

    def __init__(self) -> None:
        self._secret = b"fake"
        self.can_expire = True
        self.has_keys = True
        self.checkouts: dict[str, Checkout] = {}
        self.asked: dict[str, Money] = {}
        self.refunds: dict[str, RefundFound] = {}
        self.given_back: list[str] = []
        self.refund_status = RefundStatus.SUCCEEDED
        self.faults: dict[str, list[Fault]] = {}
        self.calls: Counter[str] = Counter()
        self._ids = count(1)

    async def close(self) -> None:
        """It has no connections."""

    async def make_checkout(self, payment: Payment) -> Checkout:
        fault = self._called("make_checkout")
        if payment.reference not in self.checkouts:
            self.asked[payment.reference] = payment.money
            self.checkouts[payment.reference] = Checkout(
                provider_id=f"co_{payment.reference}",
                reference=payment.reference,
                status=CheckoutStatus.OPEN,
                checkout_url=f"https://pay.test/{payment.reference}",
            )
        _answer(fault)
        return self.checkouts[payment.reference]

    async def look_up(self, provider_id: str) -> Checkout | None:
        fault = self._called("look_up")
        _answer(fault)
        return None if fault == "blind" else self._by_id(provider_id)

    async def look_up_by_reference(self, payment: Payment) -> Checkout | None:
        fault = self._called("look_up_by_reference")
        _answer(fault)
        return None if fault == "blind" else self.checkouts.get(payment.reference)

    async def expire(self, provider_id: str) -> Checkout | None:
        fault = self._called("expire")
        for key, one in self.checkouts.items():
            if one.provider_id == provider_id and one.status is CheckoutStatus.OPEN and self.can_expire:
                self.checkouts[key] = replace(one, status=CheckoutStatus.EXPIRED)
        _answer(fault)
        return self._by_id(provider_id)

    def _by_id(self, provider_id: str) -> Checkout | None:
        return next((one for one in self.checkouts.values() if one.provider_id == provider_id), None)

    async def refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound:
        del payment
        fault = self._called("refund")
        known = str(refund.id)
        if known not in self.refunds or not self.has_keys:
            self.given_back.append(known)
            self.refunds[known] = RefundFound(
                provider_id=f"re_{next(self._ids)}_{known}", status=self.refund_status, money=refund.money
            )
        _answer(fault)
        return self.refunds[known]

    async def look_up_refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound | None:
        del payment
        fault = self._called("look_up_refund")
        _answer(fault)
        return None if fault == "blind" else self.refunds.get(str(refund.id))

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        if not hmac.compare_digest(headers.get("x-fake-signature", ""), self.sign(body)):
            raise InvalidWebhook
        told = orjson.loads(body)
        return WebhookEvent(
            told["id"],
            told["kind"],
            told.get("reference"),
            told.get("provider_id"),
            told.get("claims_paid", False),
        )

    def sign(self, body: bytes) -> str:
        return hmac.new(self._secret, body, hashlib.sha256).hexdigest()

    def pay(self, reference: str, *, paid: Money | None = None, told: str | None = None) -> None:
        """``told`` is another reference than the one it was given."""
        one = self.checkouts[reference]
        self.checkouts[reference] = replace(
            one,
            status=CheckoutStatus.PAID,
            paid=paid or self.asked[reference],
            reference=told or one.reference,
        )

    def decline(self, reference: str, reason: str = "Card declined") -> None:
        one = self.checkouts[reference]
        if one.status is CheckoutStatus.OPEN:
            self.checkouts[reference] = replace(one, status=CheckoutStatus.DECLINED, reason=reason)

    def become(self, reference: str, status: CheckoutStatus) -> None:
        self.checkouts[reference] = replace(self.checkouts[reference], status=status)

    def end_refund(self, refund_id: str, status: RefundStatus, reason: str | None = None) -> None:
        self.refunds[refund_id] = replace(self.refunds[refund_id], status=status, reason=reason)

    def fail_next(self, method: str, *faults: Fault) -> None:
        self.faults.setdefault(method, []).extend(faults)

    def _called(self, method: str) -> Fault | None:
        """Raises where nothing is to be done."""
        self.calls[method] += 1
        waiting = self.faults.get(method)
        fault = waiting.pop(0) if waiting else None
        if fault == "before":
            raise ProviderAway(f"{method}: away")
        if fault == "declined":
            raise Declined("declined by the fake")
        return fault


def _answer(fault: Fault | None) -> None:
    if fault == "after":
        raise ProviderAway("away after it has acted")
