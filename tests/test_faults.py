"""Whatever is killed while money moves, every debit that was answered rings exactly once afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from uuid import uuid4

import asyncpg
import httpx
import pytest

from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.testing.servers import PrivatePostgres, PrivateRabbitMQ, Servers

pytestmark = pytest.mark.servers  # Its own, to be killed.

DEBITS = 500
AT_ONCE = 8


@dataclass
class Breakable:
    """A whole system whose servers are ours to kill."""

    postgres: PrivatePostgres
    rabbitmq: PrivateRabbitMQ
    stack: Stack

    async def kill_notifier(self) -> None:
        self.stack.supervisor.kill("notifier", SIGKILL)

    async def kill_gateway(self) -> None:
        self.stack.supervisor.kill("ws-gateway", SIGKILL)

    async def kill_credit(self) -> None:
        self.stack.supervisor.kill("credit", SIGKILL)

    async def kill_broker(self) -> None:
        self.rabbitmq.kill()
        await self.rabbitmq.start()

    async def kill_database(self) -> None:
        self.postgres.kill()
        await self.postgres.start()


@pytest.fixture(scope="module")
async def breakable(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Breakable]:
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(PrivatePostgres())
        rabbitmq = await stack.enter_async_context(PrivateRabbitMQ())
        servers = Servers(postgres.url, rabbitmq.amqp_url, rabbitmq.management_url)
        folder = Path(tmp_path_factory.mktemp("breakable"))
        log = stack.enter_context((folder / "log").open("w"))
        running = await stack.enter_async_context(Stack(servers, folder, log=log))
        yield Breakable(postgres, rabbitmq, running)


class Spender:
    """Debits one account and insists: the same key again, until there is an answer."""

    def __init__(self, stack: Stack, user: str) -> None:
        self._stack = stack
        self._user = user
        self.transfers: list[str] = []
        self.unanswered = 0

    async def spend(self, count: int, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        limit = asyncio.Semaphore(AT_ONCE)
        headers = {"authorization": f"Bearer {self._stack.token(self._user)}"}
        async with (
            httpx.AsyncClient(base_url=self._stack.credit_url, headers=headers, timeout=5) as http,
            asyncio.TaskGroup() as group,
        ):

            async def one(number: int) -> None:
                async with limit:
                    self.transfers.append(await self._insist(http, number))

            for number in range(count):
                group.create_task(one(number))
            if meanwhile is not None:
                while len(self.transfers) < count // 5:
                    await asyncio.sleep(0.01)
                await meanwhile()

    async def _insist(self, http: httpx.AsyncClient, number: int) -> str:
        key = {"idempotency-key": str(uuid4())}
        body = {"amount": "0.01", "currency": "USD", "reason": f"Debit {number}"}
        async with asyncio.timeout(90):
            while True:
                try:
                    answer = await http.post(f"/v1/accounts/{self._user}/debits", json=body, headers=key)
                except httpx.HTTPError:
                    answer = None
                if answer is not None and answer.status_code == 201:
                    return str(answer.json()["transfer_id"])
                assert answer is None or answer.status_code in (409, 503), answer.text
                self.unanswered += 1
                await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victim", ["notifier", "gateway", "credit", "broker", "database"])
async def test_a_kill_in_the_middle_loses_and_doubles_nothing(breakable: Breakable, victim: str) -> None:
    stack, user = breakable.stack, f"user-{uuid4().hex[:12]}"
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "100.00")
    tab = Tab(stack.gateway_url, lambda: stack.token(user))
    spender = Spender(stack, user)
    async with tab:
        await spender.spend(DEBITS, meanwhile=getattr(breakable, f"kill_{victim}"))
        await tab.until(lambda: len(tab.received) >= DEBITS + 1, seconds=60)
        await tab.until(lambda: tab.unread == DEBITS + 1 and tab.balances["USD"]["available"] == "95.00")

        assert len(set(spender.transfers)) == DEBITS
        assert tab.seqs == list(range(1, DEBITS + 2))
        assert tab.doubled == 0
        assert {received.frame["transfer_id"] for received in tab.received} >= set(spender.transfers)
    assert await stored(stack, user) == DEBITS + 1
    await stack.until_ready()


async def test_with_broker_and_notifier_down_money_moves_and_rings_when_they_are_back(
    breakable: Breakable,
) -> None:
    stack, user = breakable.stack, f"user-{uuid4().hex[:12]}"
    await stack.open_account(user, "USD")
    spender = Spender(stack, user)
    await breakable.rabbitmq.stop()
    await stack.supervisor.stop("notifier")
    try:
        await stack.add_credits(user, "100.00")
        await spender.spend(50)
        assert spender.unanswered == 0
    finally:
        await breakable.rabbitmq.start()
        await stack.supervisor.start("notifier")
    await stack.until_ready()
    async with Tab(stack.gateway_url, lambda: stack.token(user)) as tab:
        await tab.until(lambda: len(tab.received) == 51, seconds=60)
        assert tab.seqs == list(range(1, 52))


async def stored(stack: Stack, user: str) -> int:
    """How many notifications the notifier's own database holds for the user."""
    connection = await asyncpg.connect(stack.database_url("notifier"))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM notification WHERE user_id = $1", user))
    finally:
        await connection.close()
