"""Paystack's API: a payment goes by our reference; webhooks carry no time, so dedupe is the defence.

Source: paystack.com/docs/api (transaction, refund) and paystack.com/docs/payments/webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from payment.adapters.providers.calls import Answer, JsonCalls
from payment.adapters.providers.units import ours, theirs
from payment.domain.payment import Payment, ProviderRefund
from payment.domain.provider import (
    Checkout,
    CheckoutStatus,
    Declined,
    RefundFound,
    RefundStatus,
    WebhookEvent,
)
from shared.providers.errors import InvalidWebhook, ProviderAway
from shared.providers.reading import as_object, inner, needed, reading, shown, text

URL = "https://api.paystack.co"
DIGITS = 2  # Paystack counts every currency in hundredths, those without such a coin too.

_STATUS = {
    "success": CheckoutStatus.PAID,
    "failed": CheckoutStatus.DECLINED,
    "reversed": CheckoutStatus.DECLINED,
    # Also what nobody has tried to pay so far is called abandoned.
    "abandoned": CheckoutStatus.OPEN,
    "ongoing": CheckoutStatus.OPEN,
    "pending": CheckoutStatus.PROCESSING,
    "processing": CheckoutStatus.PROCESSING,
    "queued": CheckoutStatus.PROCESSING,
}
_REFUND_STATUS = {
    "processed": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "pending": RefundStatus.PENDING,
    "processing": RefundStatus.PENDING,
    "needs-attention": RefundStatus.PENDING,
}


class Paystack:
    """``secret_keys``: the first one calls, all of them verify. A checkout cannot be closed there."""

    name = "paystack"
    can_expire = False

    def __init__(
        self,
        secret_keys: Sequence[str],
        *,
        email_domain: str,
        seconds: float,
        return_url: str | None = None,
        url: str = URL,
    ) -> None:
        self._call = JsonCalls(url, secret_keys[0], seconds)
        self._keys = [key.encode() for key in secret_keys]
        self._email_domain = email_domain
        self._return_url = return_url

    async def close(self) -> None:
        await self._call.close()

    async def make_checkout(self, payment: Payment) -> Checkout:
        body = {
            # Paystack wants an address of each customer; this one is theirs alone and says nothing of them.
            "email": f"{uuid5(NAMESPACE_URL, payment.user_id).hex}@{self._email_domain}",
            "amount": theirs(payment.money, DIGITS),
            "currency": payment.money.currency,
            "reference": payment.reference,
            "callback_url": self._return_url,
            "metadata": {"payment_id": str(payment.id)},
        }
        body = {name: value for name, value in body.items() if value is not None}
        data = _accepted(await self._call("POST", "/transaction/initialize", body=body))
        with reading("paystack initialize"):
            reference = needed(data["reference"])
            return Checkout(
                provider_id=reference,
                reference=reference,
                status=CheckoutStatus.OPEN,
                checkout_url=needed(data["authorization_url"]),
            )

    async def look_up(self, provider_id: str) -> Checkout | None:
        transaction = await self._transaction(provider_id)
        if transaction is None:
            return None
        with reading("paystack transaction"):
            status = _STATUS[transaction["status"]]
            paid = None
            if status is CheckoutStatus.PAID:
                paid = ours(int(transaction["amount"]), str(transaction["currency"]), DIGITS)
            return Checkout(
                provider_id=needed(transaction["reference"]),
                reference=text(transaction["reference"]),
                status=status,
                paid=paid,
                reason=shown(transaction.get("gateway_response")),
            )

    async def look_up_by_reference(self, payment: Payment) -> Checkout | None:
        return await self.look_up(payment.reference)

    async def expire(self, provider_id: str) -> Checkout | None:
        return await self.look_up(provider_id)

    async def refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound:
        body = {
            "transaction": payment.reference,
            "amount": theirs(refund.money, DIGITS),
            "currency": refund.money.currency,
            # Paystack has no idempotency keys; the note is how a repetition finds what was done.
            "merchant_note": str(refund.id),
        }
        return _refund(_accepted(await self._call("POST", "/refund", body=body)))

    async def look_up_refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound | None:
        transaction = await self._transaction(payment.reference)
        if transaction is None:
            return None
        with reading("paystack transaction"):
            params = {"transaction": needed(transaction.get("id")), "perPage": "100"}
        answer = await self._call("GET", "/refund", params=params)
        with reading("paystack refunds"):
            if not answer.good:
                raise ValueError(answer.status)
            for view in answer.body["data"]:
                if str(refund.id) in str(view.get("merchant_note")):
                    return _refund(view)
        return None

    async def _transaction(self, reference: str) -> Mapping[str, Any] | None:
        answer = await self._call("GET", f"/transaction/verify/{reference}")
        if answer.status == 404 or answer.body.get("code") == "transaction_not_found":
            return None
        with reading("paystack transaction"):
            if not answer.good:
                raise ValueError(answer.status)
            data: Mapping[str, Any] = dict(answer.body["data"])
            return data

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        given = headers.get("x-paystack-signature", "").encode()
        signed = [hmac.new(key, body, hashlib.sha512).hexdigest().encode() for key in self._keys]
        if not any(hmac.compare_digest(one, given) for one in signed):
            raise InvalidWebhook
        return _event(body)


def _event(body: bytes) -> WebhookEvent:
    told = as_object(body)
    name, data = str(told.get("event")), inner(told, "data")
    # The event's name and its subject's id: the same each time it is sent.
    subject = text(data.get("id")) or hashlib.sha256(body).hexdigest()
    event_id = text(f"{name}:{subject}") or hashlib.sha256(body).hexdigest()
    if name.startswith("charge.dispute."):
        transaction = text(inner(data, "transaction").get("reference"))
        return WebhookEvent(event_id, "dispute", transaction, text(data.get("id")))
    if name.startswith("charge."):
        reference = text(data.get("reference"))
        return WebhookEvent(event_id, "checkout", reference, reference, claims_paid=name == "charge.success")
    if name.startswith("refund."):
        transaction = text(data.get("transaction_reference")) or text(
            inner(data, "transaction").get("reference")
        )
        return WebhookEvent(event_id, "refund", transaction, text(data.get("id")))
    return WebhookEvent(event_id, "other")


def _accepted(answer: Answer) -> Mapping[str, Any]:
    if answer.good and answer.body.get("status") is True:
        with reading("paystack answer"):
            data: Mapping[str, Any] = dict(answer.body["data"])
            return data
    message = str(answer.body.get("message") or answer.status)
    if answer.body.get("code") == "duplicate_reference" or "duplicate" in message.lower():
        raise ProviderAway("an earlier call got there first")
    raise Declined(message)


def _refund(view: Mapping[str, Any]) -> RefundFound:
    with reading("paystack refund"):
        return RefundFound(
            provider_id=needed(view["id"]),
            status=_REFUND_STATUS[view["status"]],
            money=ours(int(view["amount"]), str(view["currency"]), DIGITS),
            reason=shown(view.get("reason")),
        )
