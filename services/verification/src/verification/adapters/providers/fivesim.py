"""5sim's API, version 1: its orders carry no reference of ours, and its errors are plain text.

Source: https://5sim.net/docs. ``RECEIVED`` means there that the number is ready and waits for its SMS;
whether there is one is said by the list of SMS alone. ``ref`` of a purchase is a referral code, no reference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import AwareDatetime, Field

from shared.observability.logs import get_logger
from shared.providers.calls import Calls
from shared.providers.errors import InvalidWebhook, ProviderAway
from verification.adapters.providers.provider import CALL_SECONDS, UNDECIDED, Phone, Shown, View, read
from verification.domain.orders import Declined, Notice, Order, OrderState, Purchase, UnknownOrder

if TYPE_CHECKING:
    import httpx

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
TOLERANCE = timedelta(seconds=30)
NEWEST = {"category": "activation", "limit": "100", "order": "id", "reverse": "true"}
PAGES = 10


class _Sms(View):
    text: Shown = Field(default="", repr=False)
    code: Shown = Field(default="", repr=False)


class _Order(View):
    id: int
    phone: Phone
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
        code = None if newest is None else newest.code or newest.text
        return Order(str(self.id), self.phone, state, code=code)

    def is_of(self, purchase: Purchase) -> bool:
        return self.product == purchase.product and purchase.country in ("any", self.country)


class _Orders(View):
    orders: list[_Order] = Field(alias="Data")


class FiveSim:
    """Numbers from 5sim."""

    name = "fivesim"
    minimum_cancel_age_seconds = 0.0
    settles_seconds = 60.0

    def __init__(self, token: str, url: str = URL, *, seconds: float = CALL_SECONDS) -> None:
        self._call = Calls(url, token, seconds)
        self._seconds = seconds

    async def buy(self, purchase: Purchase) -> Order:
        where = "/".join(quote(part, safe="") for part in (purchase.country, "any", purchase.product))
        answer = await self._call("GET", f"/v1/user/buy/activation/{where}")
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
        """Orders of this product made since the intent, give or take, by the provider's own clock."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._find(purchase)
        except TimeoutError:
            raise ProviderAway("find: it takes too long") from None

    async def _find(self, purchase: Purchase) -> Sequence[Order]:
        seen: dict[int, _Order] = {}
        for _ in range(PAGES):
            answer = await self._call("GET", "/v1/user/orders", params=NEWEST | {"offset": str(len(seen))})
            listed = read(answer, _Orders).orders
            seen |= {one.id: one for one in listed}
            begun = _date(answer) - timedelta(seconds=purchase.age_seconds)
            if not listed or listed[-1].created_at < begun - TOLERANCE:
                last = begun + timedelta(seconds=self.settles_seconds) + TOLERANCE
                made_then = (one for one in seen.values() if begun - TOLERANCE <= one.created_at <= last)
                return [one.order() for one in made_then if one.is_of(purchase)]
        raise ProviderAway("find: it may be further down than we look")

    async def check(self, order_id: str) -> Order:
        return await self._of("check", order_id)

    async def cancel(self, order_id: str) -> Order:
        answer = await self._call("GET", f"/v1/user/cancel/{quote(order_id, safe='')}")
        if _said(answer) is None:
            return read(answer, _Order).order()
        # It has an SMS, or is over, or is not ours; looking at it tells which.
        return await self.check(order_id)

    async def finish(self, order_id: str) -> None:
        await self._call("GET", f"/v1/user/finish/{quote(order_id, safe='')}")

    async def close(self) -> None:
        await self._call.close()

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        del body, headers
        raise InvalidWebhook("this provider sends none")

    async def _of(self, what: str, order_id: str) -> Order:
        answer = await self._call("GET", f"/v1/user/{what}/{quote(order_id, safe='')}")
        if _said(answer) == "order not found" or answer.status_code == 404:
            raise UnknownOrder(order_id)
        return read(answer, _Order).order()


def _date(answer: httpx.Response) -> datetime:
    """When it was given, by the provider's clock; an answer that does not say so decides nothing."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise ProviderAway("an answer without its date") from None


def _said(answer: httpx.Response) -> str | None:
    """The plain text it answered with instead of an object, in lower case; None when it is an object."""
    text = answer.text.strip()
    if answer.is_success and text.startswith("{"):
        return None
    return text.strip('"').lower()[:100]
