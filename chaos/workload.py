"""Users who move money every way it can be moved, many at a time, whatever answers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpx

from chaos.customers import Abandoned, WitnessCustomer
from ledgerbell.customer import Thing, View
from ledgerbell.providers import Press, Providers
from shared.testing.waiting import until

OPERATIONS_PER_SECOND = 16.0
AT_ONCE = 48  # As many wait for an answer; what comes on top waits for one of them.
SECONDS_BETWEEN_LOOKS = 0.8
SECONDS_BETWEEN_TRIES = 1.0
PATIENCE_SECONDS = 30
RACERS = 4
# Over, or not to be decided by the customer.
ENDED = ("completed", "failed", "expired", "cancelled", "timed_out", "rejected")


@dataclass
class Workload:
    customers: Sequence[WitnessCustomer]
    providers: Providers
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)
    _paid: dict[str, list[str]] = field(default_factory=dict)
    _verified: dict[str, list[str]] = field(default_factory=dict)

    async def run(self, ending: asyncio.Event) -> None:
        """Begin operations until ``ending`` is set, and then see all of them through."""
        slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while not ending.is_set():
                await slots.acquire()
                group.create_task(self._operate(slots))
                await asyncio.sleep(self.dice.expovariate(OPERATIONS_PER_SECOND))

    async def _operate(self, slots: asyncio.Semaphore) -> None:
        (name,) = self.dice.choices(list(OPERATIONS), [weight for _, weight in OPERATIONS.values()])
        try:
            await OPERATIONS[name][0](self, self.dice.choice(self.customers))
            self.done[name] += 1
        except (Abandoned, TimeoutError, LookupError, httpx.HTTPError):
            self.given_up[name] += 1  # As people do. What was asked for stands in the history.
        finally:
            slots.release()

    # -------------------------------------------------------------- one movement

    async def debit(self, customer: WitnessCustomer) -> None:
        await customer.deduct_credits(f"0.{self.dice.randrange(1, 40):02}", customer.canary)

    async def overdraw(self, customer: WitnessCustomer) -> None:
        await customer.deduct_credits("100000.00", customer.canary)

    async def bonus(self, customer: WitnessCustomer) -> None:
        await customer.add_credits(f"0.{self.dice.randrange(1, 40):02}", customer.canary)

    # -------------------------------------------------------------- what was shown

    async def read(self, customer: WitnessCustomer) -> None:
        """One of the newest, or all up to it."""
        shown = (await customer.notifications())["items"]
        if shown:
            await customer.mark_read(self.dice.choice(shown), up_to=self.dice.random() < 0.5)

    # -------------------------------------------------------------- payments

    async def pay(self, customer: WitnessCustomer) -> None:
        if (payment := await self._checkout(customer)) is not None:
            await self._press(payment, "pay")
            await self._ended(customer, "payments", payment["payment_id"], ("completed",))
            self._paid.setdefault(customer.user, []).append(payment["payment_id"])

    async def decline(self, customer: WitnessCustomer) -> None:
        if (payment := await self._checkout(customer)) is not None:
            await self._press(payment, "decline")

    async def _checkout(self, customer: WitnessCustomer) -> View | None:
        """None where it has ended before it could be paid."""
        begun = await customer.initialize_payment("5.00")
        payment = await self._ended(customer, "payments", begun["payment_id"], ("pending", *ENDED))
        return payment if payment["state"] == "pending" else None

    async def _press(self, payment: View, button: Press) -> None:
        faults = "duplicate=5" if self.dice.random() < 0.2 else ""
        await self.providers.press(payment["checkout_url"], button, faults)

    # -------------------------------------------------------------- verifications

    async def verify(self, customer: WitnessCustomer) -> None:
        if (verification := await self._numbered(customer)) is not None:
            await self.providers.send_sms(verification["reference"], f"{self.dice.randrange(10**6):06}")
            id_ = verification["verification_id"]
            await self._ended(customer, "verifications", id_, ("completed",))
            self._verified.setdefault(customer.user, []).append(id_)

    async def never_get_a_code(self, customer: WitnessCustomer) -> None:
        if (verification := await self._numbered(customer)) is not None:
            await self.providers.time_out(verification["reference"])

    async def give_up(self, customer: WitnessCustomer) -> None:
        if (verification := await self._numbered(customer)) is not None:
            await customer.cancel("verifications", verification["verification_id"])

    async def _numbered(self, customer: WitnessCustomer) -> View | None:
        asked = await customer.request_verification(self.dice.choice(["whatsapp", "google", "line"]))
        states = ("awaiting_sms", *ENDED)
        verification = await self._ended(customer, "verifications", asked["verification_id"], states)
        return verification if verification["state"] == "awaiting_sms" else None

    # -------------------------------------------------------------- refunds

    async def refund_credits(self, customer: WitnessCustomer) -> None:
        if verified := self._verified.get(customer.user):
            await self._refund(customer, verification_id=verified.pop())
        else:
            await self.verify(customer)

    async def refund_to_card(self, customer: WitnessCustomer) -> None:
        if paid := self._paid.get(customer.user):
            await self._refund(customer, payment_id=paid.pop(), amount="1.00")
        else:
            await self.pay(customer)

    async def race_refunds(self, customer: WitnessCustomer) -> None:
        """More than was paid is asked back, at once."""
        if paid := self._paid.get(customer.user):
            wanted = {"payment_id": paid.pop(), "amount": "2.00"}
            racers = (self._refund(customer, **wanted) for _ in range(RACERS))
            outcomes = await asyncio.gather(*racers, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException) and not isinstance(outcome, httpx.HTTPStatusError):
                    raise outcome
        else:
            await self.pay(customer)

    async def _refund(self, customer: WitnessCustomer, **of: str) -> None:
        """The refund service learns from events what there is to refund, and that its code has come."""

        async def initiate() -> View | None:
            try:
                return await customer.initiate_refund(customer.canary, **of)
            except httpx.HTTPStatusError as refusal:
                if refusal.response.status_code not in (404, 409):
                    raise
                return None

        initiated = await until(
            initiate, within_seconds=PATIENCE_SECONDS, every_seconds=SECONDS_BETWEEN_TRIES
        )
        assert initiated is not None
        await customer.process_refund(initiated["refund_id"])

    # --------------------------------------------------------------

    async def _ended(
        self, customer: WitnessCustomer, thing: Thing, id_: str, states: tuple[str, ...]
    ) -> View:
        """As the customer sees it once it is in one of these states."""

        async def look() -> View | None:
            view = await customer.look(thing, id_)
            return view if view["state"] in states else None

        found = await until(look, within_seconds=PATIENCE_SECONDS, every_seconds=SECONDS_BETWEEN_LOOKS)
        assert found is not None
        return found


Operation = Callable[[Workload, WitnessCustomer], Awaitable[None]]
OPERATIONS: dict[str, tuple[Operation, int]] = {
    "debit": (Workload.debit, 40),
    "overdraw": (Workload.overdraw, 2),
    "bonus": (Workload.bonus, 10),
    "read": (Workload.read, 5),
    "pay": (Workload.pay, 10),
    "decline": (Workload.decline, 5),
    "verify": (Workload.verify, 10),
    "never get a code": (Workload.never_get_a_code, 6),
    "give up": (Workload.give_up, 5),
    "refund credits": (Workload.refund_credits, 6),
    "refund to card": (Workload.refund_to_card, 4),
    "race refunds": (Workload.race_refunds, 2),
}
