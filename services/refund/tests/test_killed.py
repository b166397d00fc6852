"""The process is killed with -9 between credit's act and our commit; the next one finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.refund.tests.bench import NOWHERE, OPERATOR, USER, Bench
from shared.testing.killing import Bystander, ServiceProcess
from shared.testing.serving import served
from shared.testing.waiting import until

if TYPE_CHECKING:
    from refund.main import Settings
    from services.refund.tests.bench import Callers


@pytest.fixture(scope="module")
async def bystander(credit_app: Any) -> AsyncIterator[Bystander]:
    async with served(credit_app) as credit_url:
        yield Bystander(credit_url)


@pytest.fixture(scope="module")
async def service(settings: Settings, bystander: Bystander, opened: Bench) -> AsyncIterator[ServiceProcess]:
    async with opened.outbox.transaction() as tx:
        await tx.execute("UPDATE refund SET due_at = NULL")  # What other tests have left is not its affair.
    async with served(bystander) as credit_url:
        environment = {
            "LEDGERBELL_DATABASE_URL": settings.database_url,
            "LEDGERBELL_BROKER_URL": NOWHERE,
            "LEDGERBELL_AUTH_KEYS": settings.auth_keys,
            "LEDGERBELL_CREDIT_URL": credit_url,
            "LEDGERBELL_SERVICE_KEY": settings.service_key,
            "LEDGERBELL_GRACE_SECONDS": "3600",
            "LEDGERBELL_LOG_LEVEL": "ERROR",
        }
        service = ServiceProcess("refund", environment)
        await service.start()
        yield service
        await service.stop()


class Customer:
    """One user with 10.00 paid and unspent, who asks the running service for it under one key."""

    def __init__(self, user: str, payment: UUID, service: ServiceProcess, callers: Callers) -> None:
        self.user = user
        self._body = {"payment_id": str(payment), "reason": "Not needed"}
        self._headers = callers.headers(user, USER, str(uuid4()))
        self._service = service

    async def ask(self) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._service.url, trust_env=False, timeout=20) as http:
            return await http.post("/v1/refunds", json=self._body, headers=self._headers)


@pytest.fixture
async def customer(bench: Bench, service: ServiceProcess, callers: Callers) -> Customer:
    user = await bench.user_with("10.00")
    return Customer(user, await bench.paid(user, 10_00), service, callers)


def dies(service: ServiceProcess, bystander: Bystander, deadly: str) -> None:
    """As soon as that call has had effect."""
    assert service.process is not None
    bystander.passed.clear()
    bystander.deadly, bystander.victim = deadly, service.process


async def comes_to(bench: Bench, refund_id: object, state: str) -> None:
    async def there() -> bool:
        return await bench.state(refund_id) == state

    await until(there, within_seconds=45)


async def due_now(bench: Bench, refund_id: object) -> None:
    """The test does not wait for a lease to end, or for a minute."""
    async with bench.outbox.transaction() as tx:
        await tx.execute("UPDATE refund SET due_at = now() WHERE id = $1", UUID(str(refund_id)))


@pytest.mark.parametrize("comes_back", [True, False])
async def test_killed_after_the_hold_was_placed_it_is_gone_on_with_or_given_back(
    bench: Bench, service: ServiceProcess, bystander: Bystander, customer: Customer, comes_back: bool
) -> None:
    dies(service, bystander, f"POST /v1/accounts/{customer.user}/holds")
    with pytest.raises(httpx.HTTPError):
        await customer.ask()
    await service.start()
    (left,) = (await bench.call("GET", f"?user_id={customer.user}", "op", roles=OPERATOR)).json()["items"]
    assert (left["state"], await bench.balance(customer.user)) == ("holding", (10_00, 10_00))

    if comes_back:
        again = await customer.ask()
        assert (again.status_code, again.json()["refund_id"]) == (201, left["refund_id"])
    else:
        await due_now(bench, left["refund_id"])
    await comes_to(bench, left["refund_id"], "initiated" if comes_back else "rejected")
    held = 10_00 if comes_back else 0

    async def settled() -> bool:
        return await bench.balance(customer.user) == (10_00, held)

    await until(settled)
    assert await bench.published(customer.user) == (["refund.initiated"] if comes_back else [])


async def test_killed_after_the_hold_was_posted_the_next_process_completes_it_once(
    bench: Bench, service: ServiceProcess, bystander: Bystander, customer: Customer
) -> None:
    refund = (await customer.ask()).json()
    killed = service.process
    assert killed is not None
    await bench.process(refund["refund_id"])
    hold = (await bench.row(refund["refund_id"]))["hold_id"]
    dies(service, bystander, f"POST /v1/holds/{hold}/post")

    await bench.returned(refund)
    await killed.wait()
    assert await bench.balance(customer.user) == (0, 0)
    await due_now(bench, refund["refund_id"])
    await service.start()
    await comes_to(bench, refund["refund_id"], "completed")

    assert bystander.passed.count(f"POST /v1/holds/{hold}/post") == 2, "asked again under the same key"
    assert await bench.balance(customer.user) == (0, 0)
    published = ["refund.initiated", "refund.processing", "refund.completed"]
    assert await bench.published(customer.user) == published
