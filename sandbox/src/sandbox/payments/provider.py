"""The payment provider: what a checkout and a refund may become, and which webhook says so."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sandbox.payments.objects import Checkout, CheckoutStatus, Refund
from sandbox.problems import Problem, state_conflict
from sandbox.records import Creations, new_id, now

if TYPE_CHECKING:
    from sandbox.faults import Faults
    from sandbox.foundation import Foundation
    from sandbox.payments.bodies import CheckoutBody, RefundBody


class PaymentProvider:
    """Every method that can find the state against it raises Problem."""

    def __init__(self, foundation: Foundation, public_url: str) -> None:
        self._foundation = foundation
        self._public_url = public_url
        self.checkouts: Creations[Checkout] = Creations("checkout")
        self.refunds: Creations[Refund] = Creations("refund")

    def reset(self) -> None:
        self.checkouts.clear()
        self.refunds.clear()

    def create_checkout(self, key: str, body: CheckoutBody, faults: Faults) -> tuple[Checkout, bool]:
        return self.checkouts.once(key, body, partial(self._create_checkout, body, faults))

    def _create_checkout(self, body: CheckoutBody, faults: Faults) -> Checkout:
        self.checkouts.free(body.reference)
        if "decline" in faults:
            raise Problem(faults.number("decline"), "declined", "The provider does not take this payment.")
        checkout_id, created = new_id("co"), now()
        lifetime = self._foundation.settings.checkout_seconds
        checkout = Checkout(
            id=checkout_id,
            reference=body.reference,
            amount_minor=body.amount_minor,
            currency=body.currency,
            return_url=body.return_url,
            description=body.description,
            checkout_url=f"{self._public_url}/checkout/{checkout_id}",
            created_at=created,
            expires_at=created + timedelta(seconds=lifetime),
            faults=faults.only("amounts", "webhooks"),
        )
        self.checkouts.add(checkout.id, checkout.reference, checkout)
        self._foundation.timers.after(lifetime, checkout.id, partial(self._expire, checkout))
        return checkout

    def pay(self, checkout: Checkout, faults: Faults, *, late: bool = False) -> None:
        if checkout.status == "paid" or (checkout.status != "open" and not late):
            raise state_conflict("checkout", checkout.status)
        self._remember(checkout, faults)
        hit = self._foundation.plan.draw("amounts") | checkout.faults
        mismatch = hit.word("mismatch")
        checkout.paid_amount_minor = checkout.amount_minor + (1 if mismatch == "amount" else 0)
        checkout.paid_currency = checkout.currency
        if mismatch == "currency":
            checkout.paid_currency = "EUR" if checkout.currency != "EUR" else "USD"
        if mismatch == "reference":
            checkout.reference = f"{checkout.reference}-mismatch"
        checkout.decline_reason = None
        self._become(checkout, "paid")

    def decline(self, checkout: Checkout, reason: str, faults: Faults) -> None:
        if checkout.status != "open":
            raise state_conflict("checkout", checkout.status)
        self._remember(checkout, faults)
        checkout.decline_reason = reason
        self._become(checkout, "declined")

    def expire_checkout(self, checkout: Checkout, faults: Faults) -> None:
        """The merchant gives it up. What has ended unpaid stays as it is."""
        if checkout.status == "paid":
            raise state_conflict("checkout", checkout.status)
        self._remember(checkout, faults)
        self._expire(checkout)

    def _expire(self, checkout: Checkout) -> None:
        if checkout.status == "open":
            self._become(checkout, "expired")

    def _become(self, checkout: Checkout, status: CheckoutStatus) -> None:
        checkout.status = status
        self._foundation.timers.cancel(checkout.id)
        self._foundation.webhooks.emit(f"checkout.{status}", checkout.view(), checkout.faults)

    def create_refund(self, key: str, body: RefundBody, faults: Faults) -> tuple[Refund, bool]:
        return self.refunds.once(key, body, partial(self._create_refund, body, faults))

    def _create_refund(self, body: RefundBody, faults: Faults) -> Refund:
        checkout = self.checkouts.get(body.checkout_id)
        self.refunds.free(body.reference)
        if checkout.paid_amount_minor is None or checkout.paid_currency is None:
            raise Problem(422, "checkout_not_paid", f"The checkout is {checkout.status}.")
        left = checkout.refundable_minor
        if body.amount_minor > left:
            detail = "More than is left of the payment."
            raise Problem(422, "refund_exceeds_payment", detail, refundable_minor=left)
        if "decline" in faults:
            raise Problem(faults.number("decline"), "declined", "The provider does not take this refund.")
        if "refuse" in faults:
            raise Problem(422, "refund_refused", "The card's bank does not take the money back.")
        refund = Refund(
            id=new_id("re"),
            checkout_id=checkout.id,
            reference=body.reference,
            amount_minor=body.amount_minor,
            currency=checkout.paid_currency,
            status="pending",
            created_at=now(),
            faults=faults.only("webhooks"),
        )
        self.refunds.add(refund.id, refund.reference, refund)
        checkout.refunds.append(refund)
        if "pending" not in faults:
            self.succeed(refund, faults)
        return refund

    def succeed(self, refund: Refund, faults: Faults) -> None:
        if refund.status != "pending":
            raise state_conflict("refund", refund.status)
        self._remember(refund, faults)
        refund.status = "succeeded"
        self._foundation.webhooks.emit("refund.succeeded", refund.view(), refund.faults)

    def fail(self, refund: Refund, reason: str, faults: Faults) -> None:
        """Also of a refund that has succeeded: a bank may send the money back days later."""
        if refund.status == "failed":
            raise state_conflict("refund", refund.status)
        self._remember(refund, faults)
        refund.status = "failed"
        refund.failure_reason = reason
        self._foundation.webhooks.emit("refund.failed", refund.view(), refund.faults)

    @staticmethod
    def _remember(thing: Checkout | Refund, faults: Faults) -> None:
        thing.faults |= faults.only("amounts", "webhooks")
