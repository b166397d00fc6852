"""A thousand operations of every kind while processes are killed: each transfer is shown in the end."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chaos.drain import MOVING
from ledgerbell.customer import Customer, Thing, View
from ledgerbell.providers import Providers
from shared.testing.waiting import until
from tests.test_coverage import System, whole_system

pytestmark = pytest.mark.servers

# More of both for whoever has the time: ten thousand with 44 kills take some minutes.
OPERATIONS = int(os.environ.get("LEDGERBELL_TEST_OPERATIONS", "1000"))
KILLS = 4 + OPERATIONS // 250
# What a killed process left in the middle is looked up by these, not after the minutes of real providers.
SOON = {
    "provider_timeout_seconds": "2",
    "quick_steps_seconds": "[2]",
    "janitor_steps_seconds": str([2] * 200),
}
UNDECIDED = ("holding", "initiated", "requested", "unknown")
SLOTS = 8
VICTIMS = ("credit", "notifier", "payment", "refund", "verification", "monitor", "ws-gateway", "broker")


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with whole_system(tmp_path, **SOON) as system:
        yield system


class Mixed:
    """Operations of every kind at once, each insisted on until it is answered."""

    def __init__(self, system: System, chance: random.Random) -> None:
        self._system = system
        self._chance = chance
        self.done = 0
        self.paid = 0
        self.numbered = 0
        self.unmade = 0

    async def run(self, operations: int) -> None:
        customers = [self._system.customer() for _ in range(5)]
        for customer in customers:
            await customer.open_account()
            await customer.add_credits("500.00", "To begin with")
        slots = asyncio.Semaphore(SLOTS)

        async def one() -> None:
            async with slots:
                await self._operate(self._chance.choice(customers))
                self.done += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(operations):
                group.create_task(one())

    async def _operate(self, customer: Customer) -> None:
        kinds, weights = ("add", "debit", "hold", "pay", "refund", "verify"), (20, 57, 17, 2, 2, 2)
        match self._chance.choices(kinds, weights)[0]:
            case "add":
                await customer.add_credits("0.50", "A bonus")
            case "debit":
                await customer.deduct_credits("0.25", "A rental")
            case "hold":
                body = {"amount": "0.10", "currency": "USD", "reason": "A hold", "expires_in_seconds": 600}
                held = await self._insist(customer, "/v1/accounts/me/holds", body)
                how = self._chance.choice(("post", "void"))
                await self._insist(customer, f"/v1/holds/{held['hold_id']}/{how}")
            case "pay":
                await self._pay(customer)
            case "refund":
                if paid := await self._pay(customer):
                    await self._refund(customer, paid)
            case "verify":
                await self._verify(customer)

    async def _insist(self, customer: Customer, path: str, body: object = None) -> dict[str, Any]:
        """At credit itself: the gateway does not pass all of it on."""
        key = str(uuid4())
        async with asyncio.timeout(120):
            while True:
                headers = {
                    "authorization": f"Bearer {self._system.stack.token(customer.user)}",
                    "idempotency-key": key,
                }
                url = f"{self._system.stack.credit_url}{path}"
                try:
                    answer = await self._system.http.post(url, json=body, headers=headers)
                except httpx.HTTPError:
                    answer = None
                if answer is not None and answer.is_success:
                    view: dict[str, Any] = answer.json()
                    return view
                assert answer is None or answer.status_code in (409, 503), answer.text
                await asyncio.sleep(0.1)

    @property
    def _providers(self) -> Providers:
        stack = self._system.stack
        return Providers(
            self._system.http, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )

    async def _begun(self, customer: Customer, thing: Thing, id_: str) -> View:
        """As it is once nobody has to be asked any more whether a provider knows of it."""

        async def begun() -> View:
            found = await customer.look(thing, id_)
            return {} if found["state"] in UNDECIDED else found

        return await until(begun, within_seconds=120, every_seconds=0.2)

    async def _pay(self, customer: Customer) -> str:
        """Empty where its process was killed before the provider heard of it: then it has failed."""
        asked = await customer.initialize_payment("5.00")
        payment = await self._begun(customer, "payments", asked["payment_id"])
        if payment["state"] == "failed":
            assert payment["reason"] == "the provider could not be reached"
            self.unmade += 1
            return ""
        self.paid += 1
        await self._providers.press(payment["checkout_url"], "pay")
        return str(payment["payment_id"])

    async def _refund(self, customer: Customer, payment_id: str) -> None:
        """Once the refund service has heard of the payment."""

        async def initiated() -> str:
            try:
                asked = await customer.initiate_refund("A test", payment_id=payment_id, amount="1.00")
            except httpx.HTTPStatusError as refusal:
                if refusal.response.status_code not in (404, 409):
                    raise
                return ""
            return str(asked["refund_id"])

        await customer.process_refund(await until(initiated, within_seconds=60, every_seconds=0.2))

    async def _verify(self, customer: Customer) -> None:
        asked = await customer.request_verification("whatsapp")
        found = await self._begun(customer, "verifications", asked["verification_id"])
        if found["state"] == "awaiting_sms":
            self.numbered += 1
            await self._providers.send_sms(found["reference"], "314159")


async def uncovered(system: System) -> list[str]:
    """What the databases themselves say, each read by hand: transfers without their notification."""
    booked = await system.rows(
        "credit",
        """
        SELECT id, user_id, currency, coalesce(source, kind) AS kind,
            CASE kind WHEN 'addition' THEN amount_minor ELSE -amount_minor END AS minor
        FROM transfer
        """,
    )
    shown = await system.rows(
        "notifier",
        """
        SELECT transfer_id, user_id, currency, amount_minor AS minor, kind FROM notification
        WHERE transfer_id IS NOT NULL
        """,
    )
    by = {"deduction": "credit.deducted", "payment": "payment.completed", "refund": "refund.completed"}
    known = {
        (row["transfer_id"], row["user_id"], row["currency"], row["minor"], row["kind"]) for row in shown
    }
    return [
        str(row["id"])
        for row in booked
        if (row["id"], row["user_id"], row["currency"], row["minor"], by.get(row["kind"], "credit.added"))
        not in known
    ]


@pytest.mark.timeout(360 + OPERATIONS // 10)
async def test_a_thousand_mixed_operations_while_processes_are_killed_are_all_shown(system: System) -> None:
    chance = random.Random(20)  # The same kills each time.
    mixed, stack = Mixed(system, chance), system.stack
    running = asyncio.create_task(mixed.run(OPERATIONS))
    for kill in range(1, KILLS + 1):
        while mixed.done < kill * OPERATIONS // (KILLS + 1) and not running.done():
            await asyncio.sleep(0.02)
        victim = chance.choice(VICTIMS)
        if victim == "broker":
            system.rabbitmq.kill()
            await system.rabbitmq.start()
        else:
            await stack.supervisor.ready(victim)
            stack.supervisor.kill(victim)
    await running
    await stack.until_ready()

    async def nothing_moves() -> bool:
        counts = [
            await system.query(service, f"SELECT count(*) FROM {service} WHERE state = ANY($1)", states)  # noqa: S608
            for service, states in MOVING.items()
        ]
        return not any(counts)

    await until(nothing_moves, within_seconds=120, every_seconds=0.5)
    found = await system.until_covered(120)
    table = await system.runs()

    assert mixed.done == OPERATIONS
    assert mixed.unmade <= SLOTS * KILLS  # So many may be under way as a process is killed.
    assert mixed.paid > OPERATIONS // 100
    assert mixed.numbered > OPERATIONS // 200
    assert (found["percent"], found["holes"], found["statements_missing"]) == (100, 0, 0)
    assert await uncovered(system) == []
    assert found["stated"] == await system.query("credit", "SELECT count(*) FROM transfer")
    assert found["stated"] > OPERATIONS * 0.8
    assert (table.exit_code, "100.0 %" in table.stdout) == (0, True), table.output
