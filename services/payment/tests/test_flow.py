"""The whole way with a real broker, the real credit and the real sandbox: from Pay to the credits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

import credit.main
from payment.main import Settings, build
from sandbox.settings import Settings as SandboxSettings
from sandbox.testing import SECRET, serving
from shared.testing.identities import auth_keys
from shared.testing.namespace import namespace as fresh_namespace
from shared.testing.serving import served
from shared.testing.waiting import until

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from shared.testing.identities import Issuer, KeyPair
    from shared.testing.servers import Servers


class Late:
    """An address that is known before the app behind it is: sandbox and service name each other."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class Town:
    """Everything running."""

    payment: httpx.AsyncClient
    credit: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    users: Issuer

    async def user(self) -> dict[str, str]:
        """A new user's headers; they have an account."""
        headers = {"authorization": f"Bearer {self.users.token(f'user-{uuid4()}')}"}
        opened = await self.credit.post("/v1/accounts", json={"currency": "USD"}, headers=headers)
        assert opened.status_code == 201
        return headers

    async def begin(self, user: dict[str, str], amount: str = "25.00") -> dict[str, Any]:
        body = {"amount": amount, "currency": "USD"}
        headers = user | {"idempotency-key": str(uuid4())}
        answer = await self.payment.post("/v1/payments", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        view: dict[str, Any] = answer.json()
        return view

    async def pay(self, view: dict[str, Any], faults: str = "") -> None:
        path = f"/v1/checkouts/{view['checkout_url'].rpartition('/')[2]}/pay"
        assert (await self.sandbox.post(path, json={"faults": faults})).is_success

    async def until(self, view: dict[str, Any], user: dict[str, str], state: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            path = f"/v1/payments/{view['payment_id']}"
            now: dict[str, Any] = (await self.payment.get(path, headers=user)).json()
            return now if now["state"] == state else None

        found = await until(reached)
        assert found is not None
        return found

    async def balance(self, user: dict[str, str]) -> str:
        answer = await self.credit.get("/v1/accounts/me", headers=user)
        return str(answer.json()["accounts"][0]["available"])


@pytest.fixture(scope="module")
async def town(servers: Servers, users: Issuer, service_key: KeyPair) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        corner = await stack.enter_async_context(fresh_namespace(servers))
        keys = auth_keys(users.key(), service_key.verifier("payment", ("service",)))
        ledger = await corner.database("credit", "credit.adapters.migrations")
        credit_app = credit.main.build(
            credit.main.Settings(
                database_url=ledger.url, broker_url=corner.broker_url("credit"), auth_keys=keys
            )
        )
        credit_url = await stack.enter_async_context(served(credit_app, "on"))
        late = Late()
        payment_url = await stack.enter_async_context(served(late))
        told = SandboxSettings(
            api_key="k", webhook_url=f"{payment_url}/webhooks/sandbox", webhook_secret=SECRET
        )
        sandbox_url = await stack.enter_async_context(serving("payments", told))
        own = await corner.database("payment", "payment.adapters.migrations")
        late.app = app = build(
            Settings(
                database_url=own.url,
                broker_url=corner.broker_url("payment"),
                auth_keys=keys,
                credit_url=credit_url,
                service_key=service_key.private,
                sandbox_url=sandbox_url,
                sandbox_api_key="k",
                sandbox_webhook_secrets=SECRET,
                provider_timeout_seconds=1,
                janitor_steps_seconds=(0.3, 1, 1, 1),
            )
        )
        await stack.enter_async_context(app.router.lifespan_context(app))

        async def client(url: str, **headers: str) -> httpx.AsyncClient:
            http = httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20)
            return await stack.enter_async_context(http)

        sandbox = await client(sandbox_url, authorization="Bearer k")
        yield Town(await client(payment_url), await client(credit_url), sandbox, users)


async def test_whoever_pays_is_credited(town: Town) -> None:
    user = await town.user()
    view = await town.begin(user)

    await town.pay(view)

    await town.until(view, user, "completed")
    assert await town.balance(user) == "25.00"


async def test_a_webhook_sent_five_times_at_once_credits_once(town: Town) -> None:
    user = await town.user()
    view = await town.begin(user)

    await town.pay(view, "duplicate=5")

    await town.until(view, user, "completed")
    assert await town.balance(user) == "25.00"


@pytest.mark.parametrize("mismatch", ["amount", "currency", "reference"])
async def test_what_does_not_match_is_not_credited(town: Town, mismatch: str) -> None:
    user = await town.user()
    view = await town.begin(user)

    await town.pay(view, f"mismatch={mismatch}")

    await town.until(view, user, "requires_review")
    assert await town.balance(user) == "0.00"


async def test_a_provider_that_timed_out_after_having_acted_is_found_and_can_be_paid(town: Town) -> None:
    user = await town.user()
    ahead = {"path_prefix": "POST /v1/checkouts", "faults": "timeout", "times": 1}
    assert (await town.sandbox.post("/v1/faults/next", json=ahead)).is_success

    view = await town.begin(user)
    assert (view["state"], view["checkout_url"]) == ("unknown", None)
    found = await town.until(view, user, "pending")
    await town.pay(found)

    await town.until(view, user, "completed")


@pytest.mark.parametrize("others", [[], ["EUR"]])
async def test_what_could_not_be_credited_is_not_begun(town: Town, others: list[str]) -> None:
    user = {"authorization": f"Bearer {town.users.token(f'user-{uuid4()}')}"}
    for currency in others:
        await town.credit.post("/v1/accounts", json={"currency": currency}, headers=user)
    body = {"amount": "25.00", "currency": "USD"}

    refused = await town.payment.post(
        "/v1/payments", json=body, headers=user | {"idempotency-key": str(uuid4())}
    )

    listed = (await town.payment.get("/v1/payments", headers=user)).json()
    assert (refused.status_code, refused.json()["code"]) == (422, "no_account")
    assert "USD" in refused.json()["detail"]
    assert listed["items"] == []


async def test_the_api_tells_nothing_but_what_it_documents(town: Town) -> None:
    described = (await town.payment.get("/openapi.json")).json()

    assert {path for path in described["paths"] if not path.startswith("/v1/dead-letters/")} == {
        "/v1/payments",
        "/v1/payments/{payment_id}",
        "/v1/payments/{payment_id}/cancel",
        "/webhooks/{provider}",
    }
