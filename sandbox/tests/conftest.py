"""Both providers in this process, their webhooks received; each test finds them as if just started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, Protocol
from uuid import uuid4

import httpx
import pytest

from sandbox.settings import Settings
from sandbox.testing import SECRET, Receiver, receiving, serving

KEY = "key-of-the-merchant"


class Client:
    """The merchant's and the operator's view of one provider."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http = http
        self.url = url

    async def submit(self, path: str, **form: str) -> httpx.Response:
        """A form, as a browser sends it: without the API key, and with the page's origin."""
        headers = {"authorization": "", "origin": self.url}
        return await self.http.post(path, data=form, headers=headers)

    async def page(self, path: str = "/") -> str:
        answer = await self.http.get(path, headers={"authorization": ""})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer.text

    async def get(self, path: str, **params: str) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(
        self, path: str, body: object = None, *, key: str | None = None, faults: str = ""
    ) -> httpx.Response:
        headers = {"sandbox-faults": faults} if faults else {}
        if key is not None:
            headers["idempotency-key"] = key
        return await self.http.post(path, json=body, headers=headers)

    async def make(self, path: str, body: dict[str, object], faults: str = "") -> Any:
        """A new object, under a key and a reference of its own."""
        answer = await self.post(path, {"reference": str(uuid4()), **body}, key=str(uuid4()), faults=faults)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def checkout(self, amount_minor: int = 2500, faults: str = "", **fields: object) -> Any:
        body = {"amount_minor": amount_minor, "currency": "USD", **fields}
        return await self.make("/v1/checkouts", body, faults)

    async def paid_checkout(self, amount_minor: int = 2500) -> Any:
        checkout = await self.checkout(amount_minor)
        assert (await self.post(f"/v1/checkouts/{checkout['id']}/pay")).status_code == 200
        return checkout

    async def refund(self, checkout: Any, amount_minor: int, faults: str = "") -> httpx.Response:
        body = {"checkout_id": checkout["id"], "amount_minor": amount_minor, "reference": str(uuid4())}
        return await self.post("/v1/refunds", body, key=str(uuid4()), faults=faults)

    async def order(self, service: str = "whatsapp", faults: str = "") -> Any:
        return await self.make("/v1/orders", {"service": service, "country": "us"}, faults)


class Start(Protocol):
    """Runs a provider with settings of its own for the time of a block."""

    def __call__(
        self, provider: Literal["payments", "sms"], **settings: Any
    ) -> AbstractAsyncContextManager[Client]: ...


@pytest.fixture(scope="session")
async def webhook_receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture(scope="session")
def start(webhook_receiver: Receiver) -> Start:
    @asynccontextmanager
    async def run(provider: Literal["payments", "sms"], **settings: Any) -> AsyncIterator[Client]:
        told = {"api_key": KEY, "webhook_url": webhook_receiver.url, "webhook_secret": SECRET, "seed": 7}
        headers = {"authorization": f"Bearer {KEY}"}
        async with (
            serving(provider, Settings(**{**told, **settings})) as url,
            httpx.AsyncClient(base_url=url, headers=headers, timeout=10, trust_env=False) as http,
        ):
            yield Client(http, url)

    return run


@pytest.fixture(scope="session")
async def payment_provider(start: Start) -> AsyncIterator[Client]:
    async with start("payments") as client:
        yield client


@pytest.fixture(scope="session")
async def sms_provider(start: Start) -> AsyncIterator[Client]:
    async with start("sms") as client:
        yield client


@pytest.fixture
async def receiver(webhook_receiver: Receiver) -> Receiver:
    webhook_receiver.begin()
    return webhook_receiver


@pytest.fixture
async def payments(payment_provider: Client, receiver: Receiver) -> Client:
    """The payment provider as if just started."""
    assert (await payment_provider.post("/v1/reset")).status_code == 204
    receiver.begin()
    return payment_provider


@pytest.fixture
async def sms(sms_provider: Client, receiver: Receiver) -> Client:
    """The SMS provider as if just started."""
    assert (await sms_provider.post("/v1/reset")).status_code == 204
    receiver.begin()
    return sms_provider
