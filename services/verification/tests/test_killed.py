"""The process is killed with -9 between the provider's act and our commit; the next one finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from sandbox.settings import Settings as SandboxSettings
from sandbox.testing import SECRET, serving
from shared.testing.identities import auth_keys
from shared.testing.killing import Bystander, ServiceProcess
from shared.testing.serving import served
from shared.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from services.verification.tests.bench import Books
    from shared.db.provision import ServiceDatabase
    from shared.testing.identities import Issuer, KeyPair

NOWHERE = "amqp://none:none@127.0.0.1:1/none"


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[str]:
    async with serving("sms", SandboxSettings(api_key="k")) as url:
        yield url


@pytest.fixture(scope="module")
def bystander(sandbox: str) -> Bystander:
    return Bystander(sandbox)


@pytest.fixture(scope="module")
async def service(
    database: ServiceDatabase,
    users: Issuer,
    service_pair: KeyPair,
    services_file: Path,
    credit_app: Any,
    bystander: Bystander,
) -> AsyncIterator[ServiceProcess]:
    async with served(bystander) as provider_url, served(credit_app) as credit_url:
        environment = {
            "LEDGERBELL_DATABASE_URL": database.url,
            "LEDGERBELL_BROKER_URL": NOWHERE,
            "LEDGERBELL_AUTH_KEYS": auth_keys(users.key()),
            "LEDGERBELL_CREDIT_URL": credit_url,
            "LEDGERBELL_SERVICE_KEY": service_pair.private,
            "LEDGERBELL_SERVICES_FILE": str(services_file),
            "LEDGERBELL_SANDBOX_URL": provider_url,
            "LEDGERBELL_SANDBOX_API_KEY": "k",
            "LEDGERBELL_SANDBOX_WEBHOOK_SECRETS": SECRET,
            "LEDGERBELL_POLL_SECONDS": "0.1",
            "LEDGERBELL_QUICK_STEPS_SECONDS": "[0.1, 0.1, 0.2]",
            "LEDGERBELL_LOG_LEVEL": "ERROR",
        }
        service = ServiceProcess("verification", environment)
        await service.start()
        yield service
        await service.stop()


class Customer:
    """One user with 5.00 USD, before the running service."""

    def __init__(self, user: str, token: str, service: ServiceProcess, books: Books) -> None:
        self.user = user
        self._headers = {"authorization": f"Bearer {token}"}
        self._service = service
        self._books = books

    async def post(self, path: str, body: dict[str, str] | None = None) -> Any:
        headers = self._headers | {"idempotency-key": str(uuid4())}
        async with httpx.AsyncClient(base_url=self._service.url, trust_env=False, timeout=20) as http:
            answer = await http.post(f"/v1/verifications{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def request(self) -> UUID:
        return UUID((await self.post("", {"service": "whatsapp"}))["verification_id"])

    async def comes_to(self, id_: UUID, state: str) -> None:
        async def there() -> bool:
            return await self._books.state(id_) == state

        await until(there, within_seconds=45)


@pytest.fixture
async def customer(books: Books, users: Issuer, service: ServiceProcess) -> Customer:
    user = await books.user_with("5.00")
    return Customer(user, users.token(user), service, books)


def dies(service: ServiceProcess, bystander: Bystander, deadly: str) -> None:
    """As soon as that call has had effect."""
    killed = service.process
    assert killed is not None
    bystander.passed.clear()
    bystander.deadly, bystander.victim = deadly, killed


async def next_process(service: ServiceProcess, books: Books, id_: UUID) -> None:
    assert service.process is not None
    await service.process.wait()
    # Its lease ends half a minute later; the test does not wait for that.
    await books.put(id_, "due_at = now()")
    await service.start()


async def test_killed_after_the_number_was_bought_the_next_process_finds_it(
    service: ServiceProcess, bystander: Bystander, customer: Customer, books: Books
) -> None:
    dies(service, bystander, "POST /v1/orders")
    id_ = await customer.request()
    await next_process(service, books, id_)
    await customer.comes_to(id_, "awaiting_sms")

    assert bystander.passed.count("POST /v1/orders") == 1, "never bought again"
    assert await books.hold(id_) == "posted"
    assert await books.account(customer.user) == (400, 0)
    assert await books.published(customer.user) == ["initiated", "number_assigned"]


async def test_killed_after_the_order_was_cancelled_the_next_process_finds_it_over(
    service: ServiceProcess, bystander: Bystander, customer: Customer, books: Books
) -> None:
    id_ = await customer.request()
    await customer.comes_to(id_, "awaiting_sms")
    order_id = (await books.row(id_))["order_id"]
    dies(service, bystander, f"POST /v1/orders/{order_id}/cancel")

    await customer.post(f"/{id_}/cancel")
    await next_process(service, books, id_)
    await customer.comes_to(id_, "cancelled")

    assert await books.published(customer.user) == ["initiated", "number_assigned", "cancelled"]
