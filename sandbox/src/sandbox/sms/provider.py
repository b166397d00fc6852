"""The SMS provider: what an order may become, which SMS it gets, and which webhook says so."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sandbox.problems import Problem, not_found, state_conflict
from sandbox.records import Creations, new_id, now
from sandbox.sms.objects import Order, OrderStatus, Service, Sms

if TYPE_CHECKING:
    from sandbox.faults import Faults
    from sandbox.foundation import Foundation
    from sandbox.sms.bodies import OrderBody

_CODE_IN_TEXT = re.compile(r"\d{4,8}")


def _assortment() -> tuple[Service, ...]:
    return (
        Service("whatsapp", "WhatsApp", 60, 1000),
        Service("telegram", "Telegram", 45, 1000),
        Service("google", "Google", 30, 1000),
        Service("signal", "Signal", 40, 1000),
        Service("discord", "Discord", 35, 1000),
        Service("line", "LINE", 75, 0),
    )


class SmsProvider:
    """Every method that can find the state against it raises Problem."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self.services: dict[str, Service] = {}
        self.orders: Creations[Order] = Creations("order")
        self.reset()

    def reset(self) -> None:
        self.orders.clear()
        self.services = {service.service: service for service in _assortment()}
        seed = self._foundation.plan.seed
        self._numbers = random.Random(f"{seed}:numbers")
        self._codes = random.Random(f"{seed}:codes")
        self._given_out: set[str] = set()

    def create_order(self, key: str, body: OrderBody, faults: Faults) -> tuple[Order, bool]:
        return self.orders.once(key, body, partial(self._create_order, body, faults))

    def _create_order(self, body: OrderBody, faults: Faults) -> Order:
        self.orders.free(body.reference)
        if body.service not in self.services:
            raise Problem(422, "unknown_service", "GET /v1/services lists the services there are.")
        if "decline" in faults:
            raise Problem(faults.number("decline"), "declined", "The provider does not take this order.")
        service = self.services[body.service]
        if not service.stock:
            raise Problem(422, "no_numbers", f"There are no numbers for {service.name} left.")
        service.stock -= 1
        settings, created = self._foundation.settings, now()
        order = Order(
            id=new_id("or"),
            reference=body.reference,
            service=body.service,
            country=body.country,
            phone_number=self._new_number(),
            cost_minor=service.cost_minor,
            created_at=created,
            expires_at=created + timedelta(seconds=settings.order_seconds),
            faults=faults.only("webhooks"),
        )
        self.orders.add(order.id, order.reference, order)
        timers, plan = self._foundation.timers, self._foundation.plan
        timers.after(settings.order_seconds, order.id, partial(self._time_out, order))
        if settings.auto_sms_seconds is not None:
            send = partial(self.send_sms, order, None, None, plan.none())
            timers.after(settings.auto_sms_seconds, f"{order.id}:sms", send)
        return order

    def send_sms(self, order: Order, code: str | None, text: str | None, faults: Faults) -> None:
        """An SMS arrives. An order that is over keeps its state: the SMS is late, and told all the same."""
        self._remember(order, faults)
        if text is None:
            code = code or self._new_code()
            text = f"Your {self.services[order.service].name} code is {code}. Do not share it."
        elif code is None and (found := _CODE_IN_TEXT.search(text)):
            code = found.group()
        order.sms.append(Sms(text, code, now()))
        self._foundation.timers.cancel(f"{order.id}:sms")
        if order.status == "pending":
            self._end(order, "received")
        self._foundation.webhooks.emit("sms.received", order.view(), order.faults)

    def cancel(self, order: Order, faults: Faults) -> None:
        """What is over without an SMS stays as it is."""
        if order.status in ("received", "finished"):
            raise Problem(
                409, "sms_received", "An SMS has been received; it has to be paid.", state=order.status
            )
        if order.status != "pending":
            return
        age, least = (now() - order.created_at).total_seconds(), self._foundation.settings.min_cancel_seconds
        if age < least:
            detail = f"An order can be cancelled {least:g} s after it was made."
            raise Problem(409, "early_cancel_denied", detail, retry_after_seconds=round(least - age, 3))
        self._remember(order, faults)
        self._give_back(order)
        self._end(order, "cancelled")
        self._foundation.webhooks.emit("order.cancelled", order.view(), order.faults)

    def finish(self, order: Order, faults: Faults) -> None:
        if order.status not in ("received", "finished"):
            raise state_conflict("order", order.status)
        self._remember(order, faults)
        order.status = "finished"

    def time_out(self, order: Order, faults: Faults) -> None:
        """The operator's: before its time."""
        if order.status not in ("pending", "timeout"):
            raise state_conflict("order", order.status)
        self._remember(order, faults)
        self._time_out(order)

    def ban(self, order: Order) -> None:
        """The number is of no use; providers of this kind send no webhook then, one has to look."""
        if order.status not in ("pending", "banned"):
            raise state_conflict("order", order.status)
        self._end(order, "banned")

    def service(self, name: str) -> Service:
        if name not in self.services:
            raise not_found("service")
        return self.services[name]

    def _time_out(self, order: Order) -> None:
        if order.status == "pending":
            self._give_back(order)
            self._end(order, "timeout")
            self._foundation.webhooks.emit("order.timeout", order.view(), order.faults)

    def _end(self, order: Order, status: OrderStatus) -> None:
        order.status = status
        self._foundation.timers.cancel(order.id)
        self._foundation.timers.cancel(f"{order.id}:sms")

    def _give_back(self, order: Order) -> None:
        self.services[order.service].stock += 1

    def _new_number(self) -> str:
        while True:  # Ten million are more than a sandbox lives to give out.
            number = f"+1555{self._numbers.randrange(10**7):07}"
            if number not in self._given_out:
                self._given_out.add(number)
                return number

    def _new_code(self) -> str:
        digits = self._codes.choice((5, 6))
        return str(self._codes.randrange(10 ** (digits - 1), 10**digits))

    @staticmethod
    def _remember(order: Order, faults: Faults) -> None:
        order.faults |= faults.only("webhooks")
