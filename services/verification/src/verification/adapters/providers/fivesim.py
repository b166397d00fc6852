"""5sim's API, version 1: its orders carry no reference of ours, and its errors are plain text.

Source: https://5sim.net/docs. ``RECEIVED`` means there that the number is ready and waits for its SMS;
whether there is one is said by the list of SMS alone. ``ref`` of a purchase is a referral code, no reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

import httpx
from pydantic import AwareDatetime, Field

from shared.observability.logs import get_logger
from shared.providers.errors import InvalidWebhook, ProviderAway
from verification.adapters.providers.provider import UNDECIDED, View, ask, client, read
from verification.domain.orders import Declined, Notice, Order, OrderState, Purchase, UnknownOrder

log = get_logger(__name__)

URL = "https://5sim.net"
UNAVAILABLE = "the service is not available at the moment"
NO_NUMBERS = "no numbers are available at the moment"
# What the provider says instead of selling, and what that is to the user.
DECLINED = {
    "no free phones": NO_NUMBERS,
    "not enough product qty": NO_NUMBERS,
    "no product": UNAVAILABLE,
    "bad country": "the country is not available",
    "country is incorrect": "the country is not available",
    "select country": "the country is not available",
    "bad operator": UNAVAILABLE,
    "select operator": UNAVAILABLE,
    "product is incorrect": UNAVAILABLE,
    "not enough user balance": UNAVAILABLE,
    "not enough rating": UNAVAILABLE,
}
# Ours to mend: no verification succeeds until somebody does.
ALARMING = frozenset({"not enough user balance", "not enough rating"})
WAITING = frozenset({"PENDING", "RECEIVED"})
CLOCK_SKEW = timedelta(seconds=30)
PAGE = 100


class _Sms(View):
    text: str = Field(default="", repr=False)
    code: str = Field(default="", repr=False)


class _Order(View):
    id: int
    phone: str = Field(min_length=1, max_length=40)
    product: str
    status: str
    created_at: AwareDatetime
    country: str = ""
    sms: list[_Sms] | None = Field(default=None, repr=False)

    def order(self) -> Order:
        newest = self.sms[-1] if self.sms else None
        if newest is not None:
            state = OrderState.RECEIVED
        else:
            state = OrderState.PENDING if self.status in WAITING else OrderState.OVER
        code = None if newest is None else (newest.code or newest.text)[:500]
        return Order(str(self.id), self.phone, state, code=code)

    def may_come_from(self, purchase: Purchase, window: timedelta) -> bool:
        since = self.created_at - purchase.intended_at
        return (
            self.product == purchase.product
            and purchase.country in ("any", self.country)
            and -CLOCK_SKEW <= since <= window
        )


class _Orders(View):
    orders: list[_Order] = Field(alias="Data")


class FiveSim:
    """Numbers from 5sim."""

    name = "fivesim"
    minimum_cancel_age_seconds = 0.0
    settles_seconds = 60.0

    def __init__(self, token: str, url: str = URL) -> None:
        self._http = client(url, token)

    async def buy(self, purchase: Purchase) -> Order:
        where = "/".join(quote(part, safe="") for part in (purchase.country, "any", purchase.product))
        answer = await ask(self._http, "GET", f"/v1/user/buy/activation/{where}")
        said = _said(answer)
        if said is None:
            return read(answer, _Order).order()
        if answer.status_code in UNDECIDED or said == "server offline":
            raise ProviderAway(f"buy: {answer.status_code}")
        reason = DECLINED.get(said)
        if reason is None and answer.is_success:
            raise ProviderAway("buy: an answer that cannot be read")
        if reason is None or said in ALARMING:
            log.critical("provider.refuses", provider=self.name, status=answer.status_code, problem=said)
        raise Declined(reason or UNAVAILABLE)

    async def find(self, purchase: Purchase) -> Sequence[Order]:
        """Orders of this product made since the intent; the newest hundred are looked at."""
        params = {"category": "activation", "limit": str(PAGE), "order": "id", "reverse": "true"}
        answer = await ask(self._http, "GET", "/v1/user/orders", params=params)
        listed = read(answer, _Orders).orders
        window = timedelta(seconds=self.settles_seconds)
        if len(listed) == PAGE and all(o.created_at > purchase.intended_at - CLOCK_SKEW for o in listed):
            raise ProviderAway("find: the order may be on a page that was not looked at")
        return [one.order() for one in listed if one.may_come_from(purchase, window)]

    async def check(self, order_id: str) -> Order:
        return await self._of("check", order_id)

    async def cancel(self, order_id: str) -> Order:
        answer = await ask(self._http, "GET", f"/v1/user/cancel/{quote(order_id, safe='')}")
        if _said(answer) is None:
            return read(answer, _Order).order()
        # It has an SMS, or is over, or is not ours; looking at it tells which.
        return await self.check(order_id)

    async def finish(self, order_id: str) -> None:
        await ask(self._http, "GET", f"/v1/user/finish/{quote(order_id, safe='')}")

    async def close(self) -> None:
        await self._http.aclose()

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        del body, headers
        raise InvalidWebhook("this provider sends none")

    async def _of(self, what: str, order_id: str) -> Order:
        answer = await ask(self._http, "GET", f"/v1/user/{what}/{quote(order_id, safe='')}")
        if _said(answer) == "order not found" or answer.status_code == 404:
            raise UnknownOrder(order_id)
        return read(answer, _Order).order()


def _said(answer: httpx.Response) -> str | None:
    """The plain text it answered with instead of an object, in lower case; None when it is an object."""
    text = answer.text.strip()
    if answer.is_success and text.startswith("{"):
        return None
    return text.strip('"').lower()[:100]
