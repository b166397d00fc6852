"""The sandbox's payment API, and its webhooks, which are signed as Standard Webhooks say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from payment.adapters.providers.calls import Answer, JsonCalls
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
from shared.providers.errors import ProviderAway
from shared.providers.reading import as_object, inner, needed, reading, shown, text
from shared.providers.signatures import StandardWebhooks


class Sandbox:
    """The sandbox counts in the same minor units as we do."""

    name = "sandbox"
    can_expire = True

    def __init__(
        self,
        url: str,
        api_key: str,
        webhook_secrets: Sequence[str],
        *,
        seconds: float,
        return_url: str | None = None,
    ) -> None:
        """Raises ValueError where a webhook secret cannot be one."""
        self._call = JsonCalls(url, api_key, seconds)
        self._webhooks = StandardWebhooks(webhook_secrets)
        self._return_url = return_url

    async def close(self) -> None:
        await self._call.close()

    async def make_checkout(self, payment: Payment) -> Checkout:
        body = {
            "reference": payment.reference,
            "amount_minor": payment.money.minor,
            "currency": payment.money.currency,
            "return_url": self._return_url,
        }
        answer = await self._call("POST", "/v1/checkouts", body=body, key=str(payment.id))
        return _checkout(_accepted(answer))

    async def look_up(self, provider_id: str) -> Checkout | None:
        answer = await self._call("GET", f"/v1/checkouts/{provider_id}")
        return _checkout(answer.body) if _is_there(answer) else None

    async def look_up_by_reference(self, payment: Payment) -> Checkout | None:
        answer = await self._call("GET", "/v1/checkouts", params={"reference": payment.reference})
        found = _items(answer)
        return _checkout(found[0]) if found else None

    async def expire(self, provider_id: str) -> Checkout | None:
        answer = await self._call("POST", f"/v1/checkouts/{provider_id}/expire")
        if answer.status == 409:  # It has been paid meanwhile.
            return await self.look_up(provider_id)
        return _checkout(answer.body) if _is_there(answer) else None

    async def refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound:
        body = {
            "checkout_id": payment.provider_id,
            "amount_minor": refund.money.minor,
            "reference": str(refund.id),
        }
        return _refund(_accepted(await self._call("POST", "/v1/refunds", body=body, key=str(refund.id))))

    async def look_up_refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound | None:
        del payment
        answer = await self._call("GET", "/v1/refunds", params={"reference": str(refund.id)})
        found = _items(answer)
        return _refund(found[0]) if found else None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return _event(self._webhooks.verify(headers, body), body)


def _event(event_id: str, body: bytes) -> WebhookEvent:
    told = as_object(body)
    kind, _, state = str(told.get("type")).partition(".")
    data = inner(told, "data")
    reference, provider_id = text(data.get("reference")), text(data.get("id"))
    match kind:
        case "checkout":
            return WebhookEvent(event_id, "checkout", reference, provider_id, claims_paid=state == "paid")
        case "refund":
            return WebhookEvent(event_id, "refund", reference, provider_id)
        case _:
            return WebhookEvent(event_id, "other")


def _accepted(answer: Answer) -> dict[str, Any]:
    """Raises Declined for a refusal that stands, ProviderAway for one that is about the call itself."""
    if answer.good:
        return answer.body
    if answer.status == 409:
        raise ProviderAway("409: another call got there first")
    raise Declined(str(answer.body.get("detail") or answer.body.get("code") or answer.status))


def _is_there(answer: Answer) -> bool:
    if answer.status == 404:
        return False
    if not answer.good:
        raise ProviderAway(f"an unexpected {answer.status}")
    return True


def _items(answer: Answer) -> list[dict[str, Any]]:
    with reading("sandbox list"):
        if not answer.good:
            raise ValueError(answer.status)
        items: list[dict[str, Any]] = list(answer.body["items"])
        return items


def _checkout(view: Mapping[str, Any]) -> Checkout:
    with reading("sandbox checkout"):
        status = CheckoutStatus(view["status"])
        paid = None
        if status is CheckoutStatus.PAID:
            paid = Money(int(view["paid_amount_minor"]), str(view["paid_currency"]))
        return Checkout(
            provider_id=needed(view["id"]),
            reference=text(view["reference"]),
            status=status,
            checkout_url=view.get("checkout_url"),
            paid=paid,
            reason=shown(view.get("decline_reason")),
        )


def _refund(view: Mapping[str, Any]) -> RefundFound:
    with reading("sandbox refund"):
        return RefundFound(
            provider_id=needed(view["id"]),
            status=RefundStatus(view["status"]),
            money=Money(int(view["amount_minor"]), str(view["currency"])),
            reason=shown(view.get("failure_reason")),
        )
