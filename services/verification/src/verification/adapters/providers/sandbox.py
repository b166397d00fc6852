"""The sandbox's API: orders with our reference, signed webhooks as Standard Webhooks have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import httpx
from pydantic import AwareDatetime, Field, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from shared.observability.logs import get_logger
from shared.providers.errors import InvalidWebhook, ProviderAway
from verification.adapters.providers.provider import UNDECIDED, View, ask, client, read
from verification.domain.orders import (
    CancelTooEarly,
    Declined,
    Notice,
    Order,
    OrderState,
    Purchase,
    UnknownOrder,
)

log = get_logger(__name__)

REASONS = {
    "no_numbers": "no numbers are available at the moment",
    "unknown_service": "the service is not available at the moment",
}
REFUSED = "the provider refused the order"


class _Sms(View):
    text: str = Field(repr=False)
    code: str | None = Field(default=None, repr=False)
    received_at: AwareDatetime


class _Order(View):
    id: str = Field(min_length=1, max_length=200)
    reference: str
    phone_number: str = Field(min_length=1, max_length=40)
    status: str
    sms: list[_Sms] = Field(default=[], repr=False)

    def order(self) -> Order:
        newest = max(self.sms, key=lambda sms: sms.received_at, default=None)
        if newest is not None:
            state = OrderState.RECEIVED
        else:
            state = OrderState.PENDING if self.status == "pending" else OrderState.OVER
        code = None if newest is None else (newest.code or newest.text)[:500]
        return Order(self.id, self.phone_number, state, self.reference, code)


class _Orders(View):
    items: list[_Order]


class _About(View):
    id: str = Field(min_length=1, max_length=200)


class _Told(View):
    type: str = Field(max_length=100)
    data: _About


class Sandbox:
    """Each reference has one order at most, so a purchase is found again without doubt."""

    name = "sandbox"
    settles_seconds = 10.0  # Longer than any call of ours lasts.

    def __init__(
        self,
        url: str,
        api_key: str,
        webhook_secrets: Iterable[str] = (),
        *,
        minimum_cancel_age_seconds: float = 0,
    ) -> None:
        """Raises ValueError when a secret is not one of Standard Webhooks."""
        self.minimum_cancel_age_seconds = minimum_cancel_age_seconds
        self._http = client(url, api_key)
        try:
            self._verifiers = [Webhook(secret) for secret in webhook_secrets]
        except EmptyWebhookSecretError:
            raise ValueError("a webhook secret is empty") from None

    async def buy(self, purchase: Purchase) -> Order:
        body = {
            "service": purchase.product,
            "country": purchase.country,
            "reference": purchase.reference,
        }
        answer = await ask(
            self._http, "POST", "/v1/orders", json=body, headers={"idempotency-key": purchase.reference}
        )
        if answer.is_success:
            return read(answer, _Order).order()
        if answer.status_code in UNDECIDED:
            raise ProviderAway(f"buy: {answer.status_code}")
        code = _code(answer)
        if code not in REASONS:
            log.critical("provider.refuses", provider=self.name, status=answer.status_code, problem=code)
        raise Declined(REASONS.get(code, REFUSED))

    async def find(self, purchase: Purchase) -> Sequence[Order]:
        answer = await ask(self._http, "GET", "/v1/orders", params={"reference": purchase.reference})
        found = [view.order() for view in read(answer, _Orders).items]
        return [order for order in found if order.reference == purchase.reference]

    async def check(self, order_id: str) -> Order:
        answer = await ask(self._http, "GET", _path(order_id))
        if answer.status_code == 404:
            raise UnknownOrder(order_id)
        return read(answer, _Order).order()

    async def cancel(self, order_id: str) -> Order:
        answer = await ask(self._http, "POST", f"{_path(order_id)}/cancel")
        if answer.status_code == 404:
            raise UnknownOrder(order_id)
        if answer.status_code == 409:
            if _code(answer) == "early_cancel_denied":
                raise CancelTooEarly(_seconds(answer))
            return await self.check(order_id)
        return read(answer, _Order).order()

    async def finish(self, order_id: str) -> None:
        await ask(self._http, "POST", f"{_path(order_id)}/finish")

    async def close(self) -> None:
        await self._http.aclose()

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        for verifier in self._verifiers:
            try:
                verifier.verify(body, dict(headers), json_parse=False)
                break
            except (WebhookVerificationError, ValueError):
                continue
        else:
            raise InvalidWebhook("no secret of ours has signed it in the last 5 minutes")
        try:
            told = _Told.model_validate_json(body)
        except ValidationError:
            raise InvalidWebhook("it is not readable") from None
        return Notice(headers["webhook-id"], told.type, told.data.id)


def _path(order_id: str) -> str:
    return f"/v1/orders/{quote(order_id, safe='')}"


def _problem(answer: httpx.Response) -> dict[str, object]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _code(answer: httpx.Response) -> str:
    return str(_problem(answer).get("code", ""))[:100]


def _seconds(answer: httpx.Response) -> float:
    given = _problem(answer).get("retry_after_seconds")
    return max(0.1, float(given)) if isinstance(given, int | float) else 5.0
