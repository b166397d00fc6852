"""Services are killed at random while money moves every way it can: it all settles, and it all rings."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from ledgerbell.customer import Customer, Thing, View
from ledgerbell.providers import Providers
from ledgerbell.stack import MODULES, Stack
from ledgerbell.tab import Tab
from shared.testing.servers import Servers
from shared.testing.waiting import until

OPERATIONS = 1000
USERS = 20
AT_ONCE = 24
LONGEST_PEACE_SECONDS = 4.0  # Between a service that is back and the next that dies.
SECONDS_BETWEEN_LOOKS = 0.2
FIRST_STEP_SECONDS = 10
SETTINGS = {
    "grace_seconds": "0.5",
    "poll_seconds": "1",
    "provider_timeout_seconds": "2",  # What is asked of a provider is asked again after three of them.
    "janitor_steps_seconds": f"[{FIRST_STEP_SECONDS}, {FIRST_STEP_SECONDS}, 3600]",
    "max_active": "1000",
}
# What is not one of these is still on its way.
SETTLED = {
    "payment": ("completed", "failed", "expired", "cancelled"),
    "refund": ("completed", "failed", "cancelled", "rejected"),
    "verification": ("completed", "failed", "timed_out", "cancelled", "rejected"),
}


@pytest.fixture
async def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One of its own, to be killed."""
    folder = Path(tmp_path_factory.mktemp("kills"))
    with (folder / "log").open("w") as log:
        async with Stack(
            servers, folder, name=f"t{uuid4().hex[:8]}", temporary=True, settings=SETTINGS, log=log
        ) as running:
            yield running


@dataclass
class World:
    """Users who do everything there is to do, whatever answers."""

    stack: Stack
    providers: Providers
    customers: list[Customer]
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    paid: dict[str, list[str]] = field(default_factory=dict)
    verified: dict[str, list[str]] = field(default_factory=dict)

    async def operate(self, customer: Customer) -> None:
        names = list(OPERATIONS_BY_WEIGHT)
        (name,) = self.dice.choices(names, [OPERATIONS_BY_WEIGHT[each][1] for each in names])
        await OPERATIONS_BY_WEIGHT[name][0](self, customer)
        self.done[name] += 1

    async def ended(self, customer: Customer, thing: Thing, id_: str, states: tuple[str, ...]) -> View:
        """As the customer sees it once it is in one of these states."""

        async def look() -> View | None:
            view = await customer.look(thing, id_)
            return view if view["state"] in states else None

        found = await until(look, within_seconds=120, every_seconds=SECONDS_BETWEEN_LOOKS)
        assert found is not None
        return found


async def debit(_: World, customer: Customer) -> None:
    await customer.deduct_credits("0.10", "Number rental")


async def bonus(_: World, customer: Customer) -> None:
    await customer.add_credits("0.10", "Goodwill")


async def checkout(world: World, customer: Customer) -> View:
    payment = await customer.initialize_payment("5.00")
    states = ("pending", *SETTLED["payment"])
    return await world.ended(customer, "payments", payment["payment_id"], states)


async def pay(world: World, customer: Customer) -> None:
    payment = await checkout(world, customer)
    if payment["state"] == "pending":
        await world.providers.press(payment["checkout_url"], "pay")
        await world.ended(customer, "payments", payment["payment_id"], ("completed",))
        world.paid.setdefault(customer.user, []).append(payment["payment_id"])


async def decline(world: World, customer: Customer) -> None:
    payment = await checkout(world, customer)
    if payment["state"] == "pending":
        await world.providers.press(payment["checkout_url"], "decline")


async def numbered(world: World, customer: Customer) -> View:
    asked = await customer.request_verification("whatsapp")
    states = ("awaiting_sms", *SETTLED["verification"])
    return await world.ended(customer, "verifications", asked["verification_id"], states)


async def verify(world: World, customer: Customer) -> None:
    verification = await numbered(world, customer)
    if verification["state"] == "awaiting_sms":
        await world.providers.send_sms(verification["reference"], "12345")
        await world.ended(customer, "verifications", verification["verification_id"], ("completed",))
        world.verified.setdefault(customer.user, []).append(verification["verification_id"])


async def never_get_a_code(world: World, customer: Customer) -> None:
    verification = await numbered(world, customer)
    if verification["state"] == "awaiting_sms":
        await world.providers.time_out(verification["reference"])


async def give_up(world: World, customer: Customer) -> None:
    verification = await numbered(world, customer)
    if verification["state"] == "awaiting_sms":
        await customer.cancel("verifications", verification["verification_id"])


async def refund_credits(world: World, customer: Customer) -> None:
    if verified := world.verified.get(customer.user):
        await refund(customer, verification_id=verified.pop())
    else:
        await verify(world, customer)


async def refund_to_card(world: World, customer: Customer) -> None:
    if paid := world.paid.get(customer.user):
        await refund(customer, payment_id=paid.pop(), amount="1.00")
    else:
        await pay(world, customer)


async def refund(customer: Customer, **of: str) -> None:
    """The refund service learns from events what there is to refund, and that its code has come."""

    async def initiate() -> View | None:
        try:
            return await customer.initiate_refund("it did not work", **of)
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code not in (404, 409):
                raise
            return None

    initiated = await until(initiate, within_seconds=120, every_seconds=SECONDS_BETWEEN_LOOKS)
    assert initiated is not None
    await customer.process_refund(initiated["refund_id"])


OPERATIONS_BY_WEIGHT: dict[str, tuple[Callable[[World, Customer], Awaitable[None]], int]] = {
    "debit": (debit, 30),
    "bonus": (bonus, 10),
    "pay": (pay, 12),
    "decline": (decline, 6),
    "verify": (verify, 14),
    "never get a code": (never_get_a_code, 8),
    "give up": (give_up, 6),
    "refund credits": (refund_credits, 8),
    "refund to card": (refund_to_card, 6),
}


@asynccontextmanager
async def killing(stack: Stack, dice: random.Random) -> AsyncIterator[Counter[str]]:
    """Kill services, one or two at a time, for the time of the block; counts them.

    The next die once the last are back: however slow the machine, something is done between two kills.
    """
    killed: Counter[str] = Counter()

    async def kill() -> None:
        names = list(MODULES)
        while True:
            fewest = min(killed[name] for name in names)
            spared = [name for name in names if killed[name] == fewest]
            victims = {dice.choice(spared), *dice.sample(names, dice.choice((0, 0, 1)))}
            for name in victims:
                stack.supervisor.kill(name, SIGKILL)
                killed[name] += 1
            for name in victims:
                await stack.supervisor.ready(name)
            await asyncio.sleep(dice.uniform(0, LONGEST_PEACE_SECONDS))

    killer = asyncio.create_task(kill())
    try:
        yield killed
        assert not killer.done(), killer.exception()
    finally:
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    async with AsyncExitStack() as exits:
        limits = httpx.Limits(keepalive_expiry=1)  # Before the servers' own: they close without a word.
        gateway = await exits.enter_async_context(
            httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15, limits=limits)
        )
        outside = await exits.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=15, limits=limits)
        )
        customers = [
            Customer(gateway, f"user-{uuid4().hex[:12]}", stack.token, patience_seconds=120)
            for _ in range(USERS)
        ]
        for customer in customers:
            await customer.open_account()
            await customer.add_credits("500.00", "Funds")
        providers = Providers(
            outside, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )
        yield World(stack, providers, customers, random.Random(20261124))


@pytest.mark.timeout(420)
async def test_a_thousand_operations_under_random_kills_all_settle_and_all_ring(world: World) -> None:
    stack, slots = world.stack, asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await world.operate(world.customers[number % USERS])

    async with AsyncExitStack() as exits:
        tabs = [await exits.enter_async_context(_tab(stack, customer.user)) for customer in world.customers]
        async with killing(stack, world.dice) as killed, asyncio.TaskGroup() as group:
            for number in range(OPERATIONS):
                group.create_task(one(number))
        assert world.done.total() == OPERATIONS
        assert killed.keys() == set(MODULES)
        await stack.until_ready()
        await until(lambda: settled(stack), within_seconds=3 * FIRST_STEP_SECONDS)
        transfers = await transfers_by_user(stack)
        for tab, customer in zip(tabs, world.customers, strict=True):
            moved = transfers[customer.user]
            await tab.until(lambda tab=tab, moved=moved: moved <= rung(tab), seconds=60)  # type: ignore[misc]  # mypy cannot type a default.
            assert tab.seqs == list(range(1, len(tab.received) + 1))
            assert tab.doubled == 0
    await the_books_balance(stack)


def _tab(stack: Stack, user: str) -> Tab:
    return Tab(stack.gateway_url, lambda: stack.token(user), user)


def rung(tab: Tab) -> set[str]:
    """The transfers that a tab has notifications of."""
    return {received.frame["transfer_id"] for received in tab.received if received.frame["transfer_id"]}


async def query(stack: Stack, service: str, sql: str, *arguments: object) -> list[Any]:
    connection = await asyncpg.connect(stack.database_url(service))
    try:
        return list(await connection.fetch(sql, *arguments))
    finally:
        await connection.close()


async def settled(stack: Stack) -> bool:
    """Nothing is on its way: no row in between, no hold, no event in an outbox."""
    for service, states in SETTLED.items():
        sql = f"SELECT count(*) AS open FROM {service} WHERE state <> ALL($1::text[])"  # noqa: S608  # Our own names.
        if (await query(stack, service, sql, list(states)))[0]["open"]:
            return False
    for service in ("credit", *SETTLED):
        if (await query(stack, service, "SELECT count(*) AS waiting FROM outbox"))[0]["waiting"]:
            return False
    placed = "SELECT count(*) AS placed FROM hold WHERE status = 'placed'"
    return not (await query(stack, "credit", placed))[0]["placed"]


async def transfers_by_user(stack: Stack) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in await query(stack, "credit", "SELECT id, user_id FROM transfer"):
        found.setdefault(row["user_id"], set()).add(str(row["id"]))
    return found


async def the_books_balance(stack: Stack) -> None:
    (entries,) = await query(stack, "credit", "SELECT coalesce(sum(amount_minor), 0) AS sum FROM entry")
    assert entries["sum"] == 0
    bad = "SELECT count(*) AS bad FROM account WHERE posted < held OR held < 0"
    assert (await query(stack, "credit", bad))[0]["bad"] == 0
    # Who was charged for what failed has it back; who was not refunded has it.
    unreturned = """
        SELECT count(*) AS bad FROM refundable f WHERE kind = 'verification' AND reserved_minor > amount_minor
    """
    assert (await query(stack, "refund", unreturned))[0]["bad"] == 0
    ended = await query(
        stack, "verification", "SELECT id FROM verification WHERE state IN ('timed_out', 'cancelled')"
    )
    returned = await query(stack, "refund", "SELECT verification_id FROM refund WHERE state = 'completed'")
    assert {row["id"] for row in ended} <= {row["verification_id"] for row in returned}
    completed = await query(stack, "payment", "SELECT transfer_id FROM payment WHERE state = 'completed'")
    booked = await query(stack, "credit", "SELECT id FROM transfer WHERE source = 'payment'")
    assert sorted(row["transfer_id"] for row in completed) == sorted(row["id"] for row in booked)
