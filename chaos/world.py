"""Everything that runs, with a proxy on every edge of it, and everything there is to break."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from aio_pika.abc import AbstractIncomingMessage

from chaos.customers import WitnessCustomer
from chaos.edges import Edges
from chaos.history import History
from chaos.tabs import WitnessTab
from chaos.workload import Workload
from ledgerbell.processes import Command
from ledgerbell.providers import Providers
from ledgerbell.stack import Adapt, Stack
from shared.testing.servers import PrivatePostgres, PrivateRabbitMQ, Servers, free_port

USERS = 50
TABS = range(3, 7)
DOORS = ("door-1", "door-2", "door-3", "door-4")  # Tabs come in by one of these, and lose it together.
SLOW = "slow"  # A door for those who read slowly.
OPENED_AT_ONCE = 12
ASK_SECONDS = 8
FUNDS = "500.00"
JANITOR_STEP_SECONDS = 4
# What is not decided by then never is: all that is begun ends by itself, soon after the faults.
# What brings again what was lost, after so many seconds.
MAKING_GOOD = ("recap_after_seconds", "coverage_hole_seconds")
NEVER_SECONDS = 86_400
SETTINGS = {
    "grace_seconds": "0.5",
    "poll_seconds": "3",
    "checkpoint_seconds": "1",  # So that some are signed while something is broken.
    "provider_timeout_seconds": "2",
    "checkout_seconds": "10",
    "deadline_seconds": "10",
    "quick_steps_seconds": f"[{JANITOR_STEP_SECONDS}]",
    "janitor_steps_seconds": str([JANITOR_STEP_SECONDS] * 900),
    "max_active": "1000",
    "max_open_payments": "1000",
    "sockets_per_address": "5000",
}


@dataclass
class World:
    """``longest_seconds`` is how long a fault may last."""

    history: History
    postgres: PrivatePostgres
    rabbitmq: PrivateRabbitMQ
    edges: Edges
    stack: Stack
    workload: Workload
    longest_seconds: float
    tabs: list[WitnessTab]
    recaps: bool
    later: AsyncExitStack  # Left when the run is over.
    replicas: dict[str, str] = field(default_factory=dict)  # By service; they run only where it is doubled.
    doubled: set[str] = field(default_factory=set)
    poison: list[str] = field(default_factory=list)  # Ids of events that nobody can handle.
    heard: list[AbstractIncomingMessage] = field(default_factory=list)

    def tab(self, user: str, door: str, *, token_seconds: int = 3600) -> WitnessTab:
        """One more, not yet open."""
        number = sum(tab.user == user for tab in self.tabs) + 1
        tab = WitnessTab(
            self.history,
            user,
            number,
            door,
            lambda: self.stack.token(user, seconds=token_seconds),
        )
        self.tabs.append(tab)
        return tab

    async def open(self, tab: WitnessTab) -> None:
        """Until the run is over. Raises TimeoutError where it cannot connect yet; it goes on trying."""
        self.later.push_async_exit(tab.__aexit__)
        await tab.__aenter__()

    def door(self, name: str) -> str:
        """Where tabs come in: one of ``DOORS``, or ``SLOW``."""
        return _url(self.edges[name, "ws-gateway"].port)


@asynccontextmanager
async def opened(
    folder: Path,
    history: History,
    seed: int,
    *,
    longest_seconds: float,
    recap_after_seconds: float | None,
    adapt: Adapt | None = None,
) -> AsyncIterator[World]:
    """A world with funded users and their open tabs. ``adapt`` plants something in its services."""
    async with AsyncExitStack() as entered:
        edges = await entered.enter_async_context(Edges())
        gateway = _url(free_port(None))
        doors = [await edges.open(name, "ws-gateway", gateway) for name in (*DOORS, SLOW)]
        postgres, rabbitmq = PrivatePostgres(), PrivateRabbitMQ()
        entered.push_async_callback(postgres.close)
        entered.push_async_callback(rabbitmq.close)
        async with asyncio.TaskGroup() as starting:
            starting.create_task(postgres.start())
            starting.create_task(rabbitmq.start())
        stack = Stack(
            Servers(postgres.url, rabbitmq.amqp_url, rabbitmq.management_url),
            folder / "stack",
            name="chaos",
            gateway_port=int(gateway.rpartition(":")[2]),
            sites=doors,
            settings=SETTINGS | dict.fromkeys(MAKING_GOOD, str(recap_after_seconds or NEVER_SECONDS)),
            adapt=_in_turn(*filter(None, (adapt, edges.adapt, _compiled))),
            log=entered.enter_context((folder / "services.log").open("w")),
        )
        await entered.enter_async_context(stack)
        by_name = {
            "ws-gateway": await edges.open("page", "ws-gateway", gateway),
            "credit": await edges.open("page", "credit", stack.credit_url),
        }
        http = {name: await entered.enter_async_context(_client(url)) for name, url in by_name.items()}
        outside = await entered.enter_async_context(_client(""))
        dice = random.Random(f"load {seed}")
        customers = [WitnessCustomer(history, http, f"user-{n:02}", stack.token, dice) for n in range(USERS)]
        providers = Providers(
            outside, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )
        workload = Workload(customers, providers, dice)
        later = await entered.enter_async_context(AsyncExitStack())
        world = World(
            history,
            postgres,
            rabbitmq,
            edges,
            stack,
            workload,
            longest_seconds,
            [],
            recap_after_seconds is not None,
            later,
        )
        await _settle_in(world, dice)
        yield world


async def _settle_in(world: World, dice: random.Random) -> None:
    slots = asyncio.Semaphore(OPENED_AT_ONCE)

    async def move_in(customer: WitnessCustomer, tabs: list[WitnessTab]) -> None:
        async with slots:
            await customer.open_account()
            await customer.add_credits(FUNDS, customer.canary)
            for tab in tabs:
                await world.open(tab)

    async with asyncio.TaskGroup() as group:
        for number, customer in enumerate(world.workload.customers):
            door = world.door(DOORS[number % len(DOORS)])
            tabs = [world.tab(customer.user, door) for _ in range(dice.choice(TABS))]
            group.create_task(move_in(customer, tabs))


async def _compiled(command: Command) -> Command:
    """Whoever was killed is back sooner: bytecode is kept, whatever our own environment says of it."""
    return replace(command, environment={**command.environment, "PYTHONDONTWRITEBYTECODE": ""})


def _in_turn(*adapts: Adapt) -> Adapt:
    async def adapt(command: Command) -> Command:
        for each in adapts:
            command = await each(command)
        return command

    return adapt


def _client(url: str) -> httpx.AsyncClient:
    # Idle connections are given up before the servers do it, without a word.
    limits = httpx.Limits(max_connections=200, keepalive_expiry=1)
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=ASK_SECONDS, limits=limits)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
