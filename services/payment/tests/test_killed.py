"""The process is killed with -9 between the provider's act and our commit; the next one finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from payment.domain.names import transfer_of
from sandbox.settings import Settings as SandboxSettings
from sandbox.testing import SECRET, serving
from services.payment.tests.desk import NOWHERE
from shared.testing.identities import auth_keys
from shared.testing.killing import Bystander, ServiceProcess
from shared.testing.serving import served
from shared.testing.waiting import until

if TYPE_CHECKING:
    from services.payment.tests.desk import Desk
    from shared.db.provision import ServiceDatabase
    from shared.testing.identities import Issuer, KeyPair


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[str]:
    async with serving("payments", SandboxSettings(api_key="k")) as url:
        yield url


@pytest.fixture(scope="module")
async def bystander(sandbox: str) -> Bystander:
    return Bystander(sandbox)


@pytest.fixture(scope="module")
async def service(
    database: ServiceDatabase, users: Issuer, service_key: KeyPair, bystander: Bystander
) -> AsyncIterator[ServiceProcess]:
    async with served(bystander) as url:
        service = ServiceProcess("payment", environment(database, users, service_key, url))
        await service.start()
        yield service
        await service.stop()


def environment(
    database: ServiceDatabase, users: Issuer, service_key: KeyPair, provider_url: str
) -> dict[str, str]:
    return {
        "LEDGERBELL_DATABASE_URL": database.url,
        "LEDGERBELL_BROKER_URL": NOWHERE,
        "LEDGERBELL_AUTH_KEYS": auth_keys(users.key()),
        "LEDGERBELL_CREDIT_URL": "http://127.0.0.1:1",
        "LEDGERBELL_SERVICE_KEY": service_key.private,
        "LEDGERBELL_SANDBOX_URL": provider_url,
        "LEDGERBELL_SANDBOX_API_KEY": "k",
        "LEDGERBELL_SANDBOX_WEBHOOK_SECRETS": SECRET,
        "LEDGERBELL_PROVIDER_TIMEOUT_SECONDS": "0.5",
        "LEDGERBELL_JANITOR_STEPS_SECONDS": "[0.2, 1, 1]",
        "LEDGERBELL_LOG_LEVEL": "ERROR",
    }


async def row_of(database: ServiceDatabase, table: str, id_: UUID, wanted: str) -> dict[str, Any]:
    """The row, once it is in the state that is wanted."""
    connection = await asyncpg.connect(database.url)
    try:

        async def found() -> dict[str, Any] | None:
            row = await connection.fetchrow(f"SELECT * FROM {table} WHERE id = $1", id_)  # noqa: S608  # Ours.
            return dict(row) if row is not None and row["state"] == wanted else None

        row = await until(found, within_seconds=45)
        assert row is not None
        return row
    finally:
        await connection.close()


async def test_killed_after_the_checkout_was_made_the_next_process_finds_it(
    database: ServiceDatabase, users: Issuer, service: ServiceProcess, sandbox: str, bystander: Bystander
) -> None:
    bystander.deadly, bystander.victim = "POST /v1/checkouts", service.process
    key = str(uuid4())
    headers = {"authorization": f"Bearer {users.token(f'user-{uuid4()}')}", "idempotency-key": key}
    body = {"amount": "25.00", "currency": "USD"}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        with pytest.raises(httpx.HTTPError):
            await http.post(f"{service.url}/v1/payments", json=body, headers=headers)
        await service.start()

        # The user tries again with the same key: the same payment, as it is.
        again = await http.post(f"{service.url}/v1/payments", json=body, headers=headers)
        assert again.status_code == 201
        row = await row_of(database, "payment", UUID(again.json()["payment_id"]), "pending")
        view = (await http.get(f"{service.url}/v1/payments/{row['id']}", headers=headers)).json()

    assert view["checkout_url"].startswith(sandbox)
    assert bystander.passed.count("POST /v1/checkouts") == 1, "never made again"
    assert row["transfer_id"] == transfer_of(row["id"])


async def test_killed_after_the_refund_was_made_the_next_process_finds_it(
    database: ServiceDatabase, service: ServiceProcess, sandbox: str, bystander: Bystander, desk: Desk
) -> None:
    payment, refund_id = await completed_at(sandbox, desk), uuid4()
    killed = service.process
    assert killed is not None
    bystander.deadly, bystander.victim = "POST /v1/refunds", killed
    await desk.owner_execute(
        "INSERT INTO provider_refund"
        " (id, payment_id, user_id, amount_minor, currency, reference, state, due_at)"
        " VALUES ($1, $2, 'u', 1000, 'USD', 'REF-1', 'requested', now())",
        refund_id,
        payment,
    )
    await killed.wait()
    # That it was being asked for is known. The next look is due later; the test does not wait for that.
    await row_of(database, "provider_refund", refund_id, "unknown")
    await desk.owner_execute("UPDATE provider_refund SET due_at = now() WHERE id = $1", refund_id)
    await service.start()
    row = await row_of(database, "provider_refund", refund_id, "refunded")

    assert row["provider_refund_id"].startswith("re_")
    assert bystander.passed.count("POST /v1/refunds") == 1


async def completed_at(sandbox: str, desk: Desk) -> UUID:
    """A payment that was paid at the sandbox and credited, as a row; its id."""
    payment = await desk.completed()
    body = {"reference": payment.reference, "amount_minor": payment.money.minor, "currency": "USD"}
    headers = {"authorization": "Bearer k", "idempotency-key": str(payment.id)}
    async with httpx.AsyncClient(base_url=sandbox, headers=headers, trust_env=False) as http:
        made = (await http.post("/v1/checkouts", json=body)).json()
        await http.post(f"/v1/checkouts/{made['id']}/pay")
    await desk.owner_execute(
        "UPDATE payment SET provider = 'sandbox', provider_id = $2 WHERE id = $1", payment.id, made["id"]
    )
    return payment.id
