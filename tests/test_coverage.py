"""Every transfer is shown to its user: what is lost on the way is missed, named and told again."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from ledgerbell.customer import Customer
from ledgerbell.main import app
from ledgerbell.providers import Providers
from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.events.coverage import EXCHANGE, Request
from shared.messaging import Message, Publisher
from shared.testing.servers import PrivatePostgres, PrivateRabbitMQ, Servers
from shared.testing.waiting import until
from shared.testing.working import working

pytestmark = pytest.mark.servers  # Its own: its figures are of everything.

HOLE_SECONDS = "1"


class System:
    """A whole system whose servers are ours, and what an operator sees of its coverage."""

    def __init__(
        self, stack: Stack, postgres: PrivatePostgres, rabbitmq: PrivateRabbitMQ, http: httpx.AsyncClient
    ) -> None:
        self.stack, self.postgres, self.rabbitmq, self.http = stack, postgres, rabbitmq, http

    def customer(self) -> Customer:
        user = f"user-{uuid4().hex[:12]}"
        sign = lambda caller, roles: self.stack.token(caller, roles)  # noqa: E731
        return Customer(self.http, user, sign, patience_seconds=120)

    async def runs(self) -> Result:
        """``ledgerbell coverage``, in this process."""
        environment = {
            "LEDGERBELL_GATEWAY_URL": self.stack.gateway_url,
            "LEDGERBELL_OPERATOR_TOKEN": self.stack.token("olga", ("operator",)),
        }
        runs = partial(CliRunner().invoke, app, ["coverage"], env=environment, catch_exceptions=False)
        return await to_thread(runs)

    async def coverage(self) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.stack.token('olga', ('operator',))}"}
        answer = await self.http.get("/v1/coverage", headers=headers)
        found: dict[str, Any] = answer.json() if answer.is_success else {}
        return found

    async def until_covered(self, within_seconds: float = 60) -> dict[str, Any]:
        """Every transfer that is in the ledger now has been stated, and is shown."""
        booked = await self.query("credit", "SELECT count(*) FROM transfer")

        async def covered() -> dict[str, Any]:
            found = await self.coverage()
            return found if found.get("complete") and found["stated"] >= booked else {}

        return await until(covered, within_seconds=within_seconds, every_seconds=0.2)

    async def query(self, service: str, sql: str, *arguments: object) -> Any:
        connection = await asyncpg.connect(self.stack.database_url(service))
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    async def rows(self, service: str, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.stack.database_url(service))
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    @asynccontextmanager
    async def deaf(self, queue: str, exchange: str, key: str) -> AsyncIterator[None]:
        """What comes under this key is lost for the queue, and by nobody noticed."""
        async with await aio_pika.connect(self.stack.corner.admin_broker_url) as connection:
            channel = await connection.channel()
            found = await channel.get_queue(queue)
            # Whatever nobody is bound to comes back, and is noticed.
            await (await channel.declare_queue(exclusive=True)).bind(exchange, key)
            await found.unbind(exchange, key)
            yield
            await found.bind(exchange, key)

    async def forget(self, service: str, type_: str, user: str) -> None:
        """Nor does the recap tell it: its row goes as soon as the broker has confirmed the event."""
        sql = "WITH gone AS (DELETE FROM sent WHERE type = $1 AND user_id = $2 RETURNING id)"
        sql += " SELECT count(*) FROM gone"
        await until(lambda: self.query(service, sql, type_, user))


@asynccontextmanager
async def whole_system(folder: Path, **settings: str) -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(PrivatePostgres())
        rabbitmq = await stack.enter_async_context(PrivateRabbitMQ())
        servers = Servers(postgres.url, rabbitmq.amqp_url, rabbitmq.management_url)
        log = stack.enter_context((folder / "log").open("w"))
        settings["coverage_hole_seconds"] = HOLE_SECONDS
        running = await stack.enter_async_context(Stack(servers, folder, settings=settings, log=log))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=running.gateway_url, timeout=10))
        yield System(running, postgres, rabbitmq, http)


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with whole_system(tmp_path_factory.mktemp("covered")) as system:
        yield system


async def open_hole(system: System, transfer_id: str) -> dict[str, Any]:
    """What is said of the transfer while nobody was shown it."""

    async def named() -> dict[str, Any]:
        found = await system.coverage()
        return found if any(each["transfer_id"] == transfer_id for each in found.get("open", [])) else {}

    return await until(named, within_seconds=60, every_seconds=0.05)


async def ask_for(system: System, transfer_id: str) -> None:
    """Have the ledger tell it once more, and wait until it has."""
    publisher = Publisher(system.stack.corner.broker_url("notifier"), "tests")
    async with working(publisher.run):
        await publisher.linked.wait()
        body = Request(transfers=[UUID(transfer_id)]).model_dump_json().encode()
        await publisher.send_batch([Message(EXCHANGE, "credit", uuid4().hex, body)])
    told = "SELECT count(*) FROM sent WHERE data ->> 'transfer_id' = $1"
    await until(lambda: system.query("credit", told, transfer_id))


@pytest.mark.timeout(180)
async def test_an_event_lost_on_the_broker_is_missed_named_and_told_again(system: System) -> None:
    """With two processes of the ledger and two of the notifier."""
    stack, user = system.stack, f"user-{uuid4().hex[:12]}"
    for service in ("credit", "notifier"):
        await stack.replicate(service)
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "10.00")
    before = await system.until_covered()
    async with Tab(stack.gateway_url, lambda: stack.token(user)) as tab:
        await tab.until(lambda: len(tab.received) == 1)
        async with system.deaf("notifier.critical", "credit.events", "credit.deducted.v1"):
            transfer = await stack.debit(user, "2.50", reason="Lost")
            await system.forget("credit", "credit.deducted.v1", user)
        found = await open_hole(system, transfer)
        after = await system.until_covered()
        await tab.until(lambda: len(tab.received) == 2)

        assert [received.text for received in tab.received][1:] == [
            "💳 Credits Deducted - $2.50 for Lost. New balance: $7.50"
        ]
        await system.forget("credit", "credit.deducted.v1", user)
        await ask_for(system, transfer)  # It has come meanwhile.
        await stack.debit(user, "1.00", reason="The next")
        await tab.until(lambda: len(tab.received) == 3)
        assert [received.frame["amount"] for received in tab.received] == ["+10.00", "-2.50", "-1.00"]
        assert (tab.seqs, tab.unread, tab.doubled) == ([1, 2, 3], 3, 0)
    assert before["percent"] == after["percent"] == 100
    assert (found["complete"], found["holes"], found["percent"] < 100) == (False, 1, True)
    assert after["stated"] == before["stated"] + 1
    repaired = await asyncio.gather(*(stack.metrics(name) for name in ("notifier", "notifier-2")))
    assert sum("coverage_repaired_total 1.0" in each for each in repaired) == 1


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("queue", "publisher", "type_"),
    [
        ("notifier.critical", "payment", "payment.completed.v1"),
        ("payment.events", "credit", "credit.added.v1"),
    ],
    ids=["what shows it was lost", "payment never heard that it was booked"],
)
async def test_a_payment_that_nobody_was_shown_is_told_by_who_knows_of_it(
    system: System, queue: str, publisher: str, type_: str
) -> None:
    customer, stack = system.customer(), system.stack
    providers = Providers(
        system.http, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
    )
    await customer.open_account()
    async with Tab(stack.gateway_url, lambda: stack.token(customer.user)) as tab:
        async with system.deaf(queue, f"{publisher}.events", type_):
            payment = await customer.initialize_payment("25.00")
            await providers.press(payment["checkout_url"], "pay")
            await system.forget(publisher, type_, customer.user)
        await system.until_covered()
        await tab.until(lambda: any("Payment Successful" in each.text for each in tab.received))

        shown = [each.text for each in tab.received if "credits added" in each.text]
        assert shown == ["✅ Payment Successful - $25.00 credits added. New balance: $25.00"]
    repaired = await system.query("credit", "SELECT id FROM transfer WHERE user_id = $1", customer.user)
    assert (await customer.look("payments", payment["payment_id"]))["state"] == "completed"
    assert repaired is not None


@pytest.mark.timeout(180)
async def test_a_refund_that_nobody_was_shown_is_told_again(system: System) -> None:
    customer, stack = system.customer(), system.stack
    providers = Providers(
        system.http, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
    )
    await customer.open_account()
    payment = await customer.initialize_payment("25.00")
    await providers.press(payment["checkout_url"], "pay")
    await system.until_covered()
    async with Tab(stack.gateway_url, lambda: stack.token(customer.user)) as tab:
        await tab.until(lambda: any("Payment Successful" in each.text for each in tab.received))
        async with system.deaf("notifier.critical", "refund.events", "refund.completed.v1"):
            body = {"payment_id": payment["payment_id"], "amount": "5.00", "kind": "credit"}
            refund = await customer.call("POST", "/v1/refunds", body | {"reason": "A gift"}, operator=True)
            await customer.process_refund(refund["refund_id"])
            await system.forget("refund", "refund.completed.v1", customer.user)
        await system.until_covered()
        await tab.until(lambda: any("refunded successfully" in each.text for each in tab.received))

        shown = [each.text for each in tab.received if "refunded successfully" in each.text]
        assert shown == ["✅ Refund Completed - $5.00 refunded successfully! New balance: $30.00"]


@pytest.mark.timeout(180)
async def test_lost_statements_are_asked_for_again(system: System) -> None:
    stack, user = system.stack, f"user-{uuid4().hex[:12]}"
    await stack.open_account(user, "USD")
    async with system.deaf("notifier.coverage", "credit.events", "credit.statement"):
        transfer = await stack.add_credits(user, "10.00")
        lost = await until(
            lambda: system.query(
                "credit",
                """
                SELECT min(number) FROM statement JOIN transfer ON xid <= through
                WHERE id::text = $1 AND told_at IS NOT NULL
                """,
                transfer,
            )
        )
    await stack.debit(user, "1.00")

    found = await system.until_covered()

    assert found["statements_missing"] == 0
    heard = await system.query("notifier", "SELECT heard_up_to FROM coverage_ledger")
    assert heard > lost
