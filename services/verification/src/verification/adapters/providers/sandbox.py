"""The sandbox's API: orders with our reference, signed webhooks as Standard Webhooks have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import AwareDatetime, Field, ValidationError

from shared.observability.logs import get_logger
from shared.providers.calls import Calls
from shared.providers.errors import InvalidWebhook, ProviderAway
from shared.providers.reading import as_object
from shared.providers.signatures import StandardWebhooks
from verification.adapters.providers.provider import CALL_SECONDS, UNDECIDED, Id, Phone, Shown, View, read
from verification.domain.orders import (
    CancelTooEarly,
    Declined,
    Notice,
    Order,
    OrderState,
    Purchase,
    UnknownOrder,
)

if TYPE_CHECKING:
    import httpx

log = get_logger(__name__)

REASONS = {
    "no_numbers": "no numbers are available at the moment",
    "unknown_service": "the service is not available at the moment",
}
LONGEST_WAIT_SECONDS = 300.0  # Whatever it says: a person waits for the end.
REFUSED = "the provider refused the order"


class _Sms(View):
    text: Shown = Field(repr=False)
    code: Shown | None = Field(default=None, repr=False)
    received_at: AwareDatetime


class _Order(View):
    id: Id
    reference: str
    phone_number: Phone
    status: str
    sms: list[_Sms] = Field(default=[], repr=False)

    def order(self) -> Order:
        newest = max(self.sms, key=lambda sms: sms.received_at, default=None)
        if newest is not None:
            state = OrderState.RECEIVED
        else:
            state = OrderState.PENDING if self.status == "pending" else OrderState.OVER
        code = None if newest is None else newest.code or newest.text
        return Order(self.id, self.phone_number, state, self.reference, code)


class _Orders(View):
    items: list[_Order]


class _About(View):
    id: Id


class _Told(View):
    type: Shown
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
        seconds: float = CALL_SECONDS,
    ) -> None:
        """Raises ValueError when a secret is not one of Standard Webhooks."""
        self.minimum_cancel_age_seconds = minimum_cancel_age_seconds
        self._call = Calls(url, api_key, seconds)
        self._webhooks = StandardWebhooks(webhook_secrets)

    async def buy(self, purchase: Purchase) -> Order:
        body = {
            "service": purchase.product,
            "country": purchase.country,
            "reference": purchase.reference,
        }
        answer = await self._call("POST", "/v1/orders", body=body, key=purchase.reference)
        if answer.is_success:
            return read(answer, _Order).order()
        if answer.status_code in UNDECIDED:
            raise ProviderAway(f"buy: {answer.status_code}")
        code = _code(answer)
        if code not in REASONS:
            log.critical("provider.refuses", provider=self.name, status=answer.status_code, problem=code)
        raise Declined(REASONS.get(code, REFUSED))

    async def find(self, purchase: Purchase) -> Sequence[Order]:
        answer = await self._call("GET", "/v1/orders", params={"reference": purchase.reference})
        found = [view.order() for view in read(answer, _Orders).items]
        return [order for order in found if order.reference == purchase.reference]

    async def check(self, order_id: str) -> Order:
        answer = await self._call("GET", _path(order_id))
        if answer.status_code == 404:
            raise UnknownOrder(order_id)
        return read(answer, _Order).order()

    async def cancel(self, order_id: str) -> Order:
        answer = await self._call("POST", f"{_path(order_id)}/cancel")
        if answer.status_code == 404:
            raise UnknownOrder(order_id)
        if answer.status_code == 409:
            if _code(answer) == "early_cancel_denied":
                raise CancelTooEarly(_seconds(answer))
            return await self.check(order_id)
        return read(answer, _Order).order()

    async def finish(self, order_id: str) -> None:
        await self._call("POST", f"{_path(order_id)}/finish")

    async def close(self) -> None:
        await self._call.close()

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        event_id = self._webhooks.verify(headers, body)
        try:
            told = _Told.model_validate_json(body)
        except ValidationError:
            raise InvalidWebhook("it is not readable") from None
        return Notice(event_id, told.type, told.data.id)


def _path(order_id: str) -> str:
    return f"/v1/orders/{quote(order_id, safe='')}"


def _code(answer: httpx.Response) -> str:
    return str(as_object(answer.content).get("code", ""))[:100]


def _seconds(answer: httpx.Response) -> float:
    given = as_object(answer.content).get("retry_after_seconds")
    if not isinstance(given, int | float) or not given > 0:
        return 5.0
    return float(min(given, LONGEST_WAIT_SECONDS))
