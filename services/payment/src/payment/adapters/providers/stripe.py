"""Stripe's Checkout Sessions and Refunds by way of its official library, which knows its signatures too."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import stripe
from stripe import HTTPClient, StripeClient, WebhookSignature

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
from shared.clients import http_client
from shared.money import Money
from shared.providers.errors import InvalidWebhook, ProviderAway
from shared.providers.reading import as_object, inner, needed, reading, shown, text

if TYPE_CHECKING:
    from stripe.checkout import Session

URL = "https://api.stripe.com"
TOLERANCE_SECONDS = 300
# Their clock and ours may differ by so much.
CLOCKS_SECONDS = 120
# A session lives at least half an hour there, counted by their clock; ours may be closed sooner.
SHORTEST_SECONDS = 30 * 60 + CLOCKS_SECONDS

# Source: docs.stripe.com/currencies, "Zero-decimal", "Three-decimal" and "Special cases": for ISK and UGX,
# which have no hundredths either, Stripe counts hundredths nevertheless.
_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"), 0),
    **dict.fromkeys(("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}

_REFUND_STATUS = {
    "succeeded": RefundStatus.SUCCEEDED,
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


class _Http(HTTPClient):
    """Stripe's own httpx client follows the environment's proxies."""

    name = "httpx"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._http = http_client("", seconds)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await self._http.request(method, url, headers=dict(headers), content=post_data)
        except httpx.HTTPError as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # As it is.
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        await self._http.aclose()


class Stripe:
    """Our reference is the session's ``client_reference_id``; a refund's id is in its metadata."""

    name = "stripe"
    can_expire = True

    def __init__(
        self,
        api_key: str,
        webhook_secrets: Sequence[str],
        *,
        seconds: float,
        return_url: str,
        url: str = URL,
    ) -> None:
        self._seconds = seconds
        self._http = _Http(seconds)
        self._v1 = StripeClient(
            api_key, http_client=self._http, base_addresses={"api": url}, max_network_retries=0
        ).v1
        self._secrets = tuple(webhook_secrets)
        self._return_url = return_url

    async def close(self) -> None:
        await self._http.close_async()

    async def make_checkout(self, payment: Payment) -> Checkout:
        currency = payment.money.currency
        amount = theirs(payment.money, _digits(currency))
        # By the payment's own times: a repetition with the same key must say the same.
        closes = max(payment.deadline.timestamp(), payment.created_at.timestamp() + SHORTEST_SECONDS)
        metadata = {"payment_id": str(payment.id), "reference": payment.reference}
        async with self._asking("stripe checkout", refusable=True):
            session = await self._v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "client_reference_id": payment.reference,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": currency.lower(),
                                "unit_amount": amount,
                                "product_data": {"name": f"Credits {payment.reference}"},
                            },
                        }
                    ],
                    "success_url": self._return_url,
                    "cancel_url": self._return_url,
                    "expires_at": int(closes),
                    "metadata": metadata,
                    "payment_intent_data": {"metadata": metadata},
                },
                {"idempotency_key": str(payment.id)},
            )
        return _checkout(session)

    async def look_up(self, provider_id: str) -> Checkout | None:
        session = await self._session(provider_id)
        return None if session is None else _checkout(session)

    async def look_up_by_reference(self, payment: Payment) -> Checkout | None:
        # The only call to make it came right after its intent, and has ended since.
        made = int(payment.created_at.timestamp())
        first, last = made - CLOCKS_SECONDS, made + math.ceil(self._seconds) + CLOCKS_SECONDS
        async with self._asking("stripe sessions"):
            page = await self._v1.checkout.sessions.list_async(
                {
                    "created": {"gte": first, "lte": last},
                    "limit": 100,
                    "expand": ["data.payment_intent"],
                }
            )
            async for session in page.auto_paging_iter():
                if session.client_reference_id == payment.reference:
                    return _checkout(session)
        return None

    async def expire(self, provider_id: str) -> Checkout | None:
        try:
            async with self._asking("stripe expire", refusable=True, by_id=True):
                await self._v1.checkout.sessions.expire_async(provider_id)
        except Declined:
            pass  # It is no longer open; the look says what it is.
        return await self.look_up(provider_id)

    async def refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound:
        intent = await self._intent(payment)
        if intent is None:
            raise Declined("the checkout has no payment to refund")
        async with self._asking("stripe refund", refusable=True, by_id=True):
            made = await self._v1.refunds.create_async(
                {
                    "payment_intent": intent,
                    "amount": theirs(refund.money, _digits(refund.money.currency)),
                    "metadata": {"refund_id": str(refund.id)},
                },
                {"idempotency_key": f"refund-{refund.id}"},
            )
        return _refund(made)

    async def look_up_refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound | None:
        intent = await self._intent(payment)
        if intent is None:
            return None
        async with self._asking("stripe refunds"):
            page = await self._v1.refunds.list_async({"payment_intent": intent, "limit": 100})
            async for known in page.auto_paging_iter():
                if _metadata(known).get("refund_id") == str(refund.id):
                    return _refund(known)
        return None

    @asynccontextmanager
    async def _asking(
        self, what: str, *, refusable: bool = False, by_id: bool = False
    ) -> AsyncIterator[None]:
        """Bounded as a whole, however many pages there are. Raises Declined where Stripe may say no for good,
        _Missing where it may not know an id of ours, ProviderAway for all else.
        """
        try:
            async with asyncio.timeout(self._seconds):
                with reading(what):
                    yield
        except TimeoutError:
            raise ProviderAway(f"{what}: no answer in time") from None
        except (stripe.CardError, stripe.InvalidRequestError) as refusal:
            if by_id and refusal.http_status == 404:
                raise _Missing("there is no such object") from None
            if refusable and refusal.http_status in (400, 402):
                raise Declined(refusal.user_message or "declined") from None
            raise ProviderAway(f"{what}: {refusal.http_status}") from None
        except stripe.StripeError as error:
            raise ProviderAway(f"{what}: {type(error).__name__} {error.http_status}") from None

    async def _session(self, provider_id: str) -> Session | None:
        try:
            async with self._asking("stripe session", by_id=True):
                return await self._v1.checkout.sessions.retrieve_async(
                    provider_id, {"expand": ["payment_intent"]}
                )
        except _Missing:
            return None

    async def _intent(self, payment: Payment) -> str | None:
        session = None if payment.provider_id is None else await self._session(payment.provider_id)
        if session is None:
            return None
        with reading("stripe session"):
            intent = session.payment_intent
            return intent if intent is None or isinstance(intent, str) else needed(intent.id)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        header = headers.get("stripe-signature", "")
        if not any(_is_signed(body, header, secret) for secret in self._secrets):
            raise InvalidWebhook
        return _event(body)


class _Missing(Declined):
    """Stripe says that there is no such object."""


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        WebhookSignature.verify_header(body, header, secret, TOLERANCE_SECONDS)
        at = next(int(item[2:]) for item in header.split(",") if item.startswith("t="))
    except (stripe.SignatureVerificationError, ValueError, TypeError, StopIteration):
        return False
    return at <= time.time() + TOLERANCE_SECONDS  # The library looks for those that are too old only.


def _event(body: bytes) -> WebhookEvent:
    told = as_object(body)
    event_id = text(told.get("id")) or hashlib.sha256(body).hexdigest()
    type_, thing = str(told.get("type")), inner(told, "data", "object")
    if type_.startswith("checkout.session."):
        reference = text(thing.get("client_reference_id"))
        paid = thing.get("payment_status") in _PAID
        return WebhookEvent(event_id, "checkout", reference, text(thing.get("id")), claims_paid=paid)
    if type_.startswith("refund.") or type_ == "charge.refund.updated":
        reference = text(inner(thing, "metadata").get("refund_id"))
        return WebhookEvent(event_id, "refund", reference, text(thing.get("id")))
    if type_.startswith("charge.dispute."):
        return WebhookEvent(event_id, "dispute", provider_id=text(thing.get("id")))
    return WebhookEvent(event_id, "other")


def _digits(currency: str) -> int:
    return _DIGITS.get(currency, 2)


def _money(units: object, currency: object) -> Money:
    code = str(currency).upper()
    return ours(int(str(units)), code, _digits(code))


def _checkout(session: Session) -> Checkout:
    with reading("stripe session"):
        status, reason = _status(session)
        paid = _money(session.amount_total, session.currency) if status is CheckoutStatus.PAID else None
        return Checkout(
            provider_id=needed(session.id),
            reference=text(session.client_reference_id),
            status=status,
            checkout_url=session.url,
            paid=paid,
            reason=reason,
        )


def _status(session: Session) -> tuple[CheckoutStatus, str | None]:
    if session.status == "open":
        return CheckoutStatus.OPEN, None
    if session.status == "expired":
        return CheckoutStatus.EXPIRED, None
    if session.status != "complete":
        raise ValueError("an unknown status")
    if session.payment_status in _PAID:
        return CheckoutStatus.PAID, None
    # A slow method, such as a debit from a bank account: the session is over, the money on its way or not.
    intent = session.payment_intent
    if intent is None or isinstance(intent, str) or intent.status not in _ENDED:
        return CheckoutStatus.PROCESSING, None
    error = intent.last_payment_error
    return CheckoutStatus.DECLINED, shown(error.message) if error else None


_PAID = ("paid", "no_payment_required")
_ENDED = ("requires_payment_method", "canceled")


def _metadata(refund: stripe.Refund) -> Mapping[str, Any]:
    return refund.metadata.to_dict() if refund.metadata else {}


def _refund(refund: stripe.Refund) -> RefundFound:
    with reading("stripe refund"):
        return RefundFound(
            provider_id=needed(refund.id),
            status=_REFUND_STATUS[str(refund.status)],
            money=_money(refund.amount, refund.currency),
            reason=shown(getattr(refund, "failure_reason", None)),
        )
