"""A provider in memory, for tests: it acts, and answers or fails as it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from shared.providers.errors import InvalidWebhook, ProviderAway
from verification.domain.orders import (
    CancelTooEarly,
    Declined,
    Notice,
    Order,
    OrderState,
    Purchase,
    UnknownOrder,
)

T = TypeVar("T")


class Fails(StrEnum):
    """How a call fails."""

    BEFORE = "before"  # Nothing is done, and there is no answer.
    AFTER = "after"  # It is done, and there is no answer.
    DECLINES = "declines"
    TOO_EARLY = "too_early"


class FakeProvider:
    """``failing`` maps a call's name to how its next ones fail, in turn; ``gates`` to what they wait
    for before anything else.
    """

    name = "fake"
    settles_seconds = 0.0

    def __init__(self, *, minimum_cancel_age_seconds: float = 0, knows_references: bool = True) -> None:
        self.minimum_cancel_age_seconds = minimum_cancel_age_seconds
        self.orders: dict[str, Order] = {}
        self.bought: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.failing: dict[str, list[Fails]] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.knows_references = knows_references

    async def buy(self, purchase: Purchase) -> Order:
        how = await self._begin("buy")
        if how is Fails.DECLINES:
            raise Declined("no numbers are available at the moment")
        return self._end(how, self.place(purchase.reference))

    async def find(self, purchase: Purchase) -> Sequence[Order]:
        how = await self._begin("find")
        return self._end(how, self._found(purchase))

    async def check(self, order_id: str) -> Order:
        how = await self._begin("check")
        return self._end(how, self._order(order_id))

    async def cancel(self, order_id: str) -> Order:
        how = await self._begin("cancel")
        if how is Fails.TOO_EARLY:
            raise CancelTooEarly(2)
        if self._order(order_id).state is OrderState.PENDING:
            self.over(order_id)
        return self._end(how, self._order(order_id))

    async def finish(self, order_id: str) -> None:
        how = await self._begin("finish")
        self.finished[order_id] += 1
        self._end(how, None)

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        if headers.get("signature") != "valid":
            raise InvalidWebhook("not signed")
        event_id, order_id = body.decode().split()
        return Notice(event_id, "sms.received", order_id)

    async def close(self) -> None:
        """Nothing to close."""

    def place(self, reference: str) -> Order:
        """An order comes to be."""
        self.bought[reference] += 1
        number = len(self.orders) + 1
        # The reference makes the id unique among runs, which share a database.
        order = Order(f"{reference}-{number}", f"+1555{number:07}", OrderState.PENDING, reference)
        self.orders[order.id] = order
        return order

    def sms(self, order_id: str, code: str) -> None:
        """An SMS arrives, in time or late."""
        self.orders[order_id] = replace(self._order(order_id), state=OrderState.RECEIVED, code=code)

    def over(self, order_id: str) -> None:
        """It ends without one."""
        self.orders[order_id] = replace(self._order(order_id), state=OrderState.OVER)

    def of(self, reference: str) -> Order:
        return next(order for order in self.orders.values() if order.reference == reference)

    def _found(self, purchase: Purchase) -> list[Order]:
        if self.knows_references:
            return [order for order in self.orders.values() if order.reference == purchase.reference]
        return [replace(order, reference=None) for order in self.orders.values()]

    def _order(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise UnknownOrder(order_id)
        return self.orders[order_id]

    async def _begin(self, call: str) -> Fails | None:
        self.calls[call] += 1
        if call in self.gates:
            await self.gates[call].wait()
        how = self.failing[call].pop(0) if self.failing.get(call) else None
        if how is Fails.BEFORE:
            raise ProviderAway(f"{call}: before")
        return how

    @staticmethod
    def _end(how: Fails | None, answer: T) -> T:
        if how is Fails.AFTER:
            raise ProviderAway("after")
        return answer
