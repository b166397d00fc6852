"""The adapter against the sandbox itself: every call, and every way in which it can go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from sandbox.settings import Settings as SandboxSettings
from sandbox.testing import SECRET, serving
from services.verification.tests.peers import CALL_SECONDS
from shared.money import Money
from shared.providers.errors import ProviderAway
from shared.testing.serving import served
from verification.adapters.assortment import read_services
from verification.adapters.providers import Sandbox
from verification.domain.orders import CancelTooEarly, Declined, OrderState, Purchase, UnknownOrder

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LEAST = 120


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[str]:
    async with serving("sms", SandboxSettings(api_key="k", min_cancel_seconds=LEAST)) as url:
        yield url


@pytest.fixture
async def operator(sandbox: str) -> AsyncIterator[httpx.AsyncClient]:
    """Plays the provider's other side; each test finds it as if just started."""
    headers = {"authorization": "Bearer k"}
    async with httpx.AsyncClient(base_url=sandbox, headers=headers, trust_env=False) as http:
        assert (await http.post("/v1/reset")).status_code == 204
        yield http


@pytest.fixture
async def provider(sandbox: str, operator: httpx.AsyncClient) -> AsyncIterator[Sandbox]:
    del operator  # It is reset first.
    provider = Sandbox(sandbox, "k", [SECRET])
    yield provider
    await provider.close()


@pytest.fixture
async def hasty(sandbox: str) -> AsyncIterator[Sandbox]:
    """One that does not wait for long."""
    provider = Sandbox(sandbox, "k", [SECRET], seconds=CALL_SECONDS)
    yield provider
    await provider.close()


def purchase(product: str = "whatsapp") -> Purchase:
    return Purchase(f"VER-{uuid4().hex[:12].upper()}", product, "any", 0)


async def goes_wrong(operator: httpx.AsyncClient, call: str, faults: str) -> None:
    answer = await operator.post("/v1/faults/next", json={"path_prefix": call, "faults": faults})
    assert answer.status_code == 201, answer.text


async def test_a_number_is_bought_once_and_waits_for_its_sms(provider: Sandbox) -> None:
    wanted = purchase()

    order, again = await provider.buy(wanted), await provider.buy(wanted)

    assert order == again == await provider.check(order.id)
    assert (order.state, order.reference) == (OrderState.PENDING, wanted.reference)
    assert await provider.find(wanted) == [order]
    assert await provider.find(purchase()) == []


async def test_what_we_ship_is_sold_for_more_than_it_costs(operator: httpx.AsyncClient) -> None:
    listed = (await operator.get("/v1/services")).json()["items"]
    costs = {one["service"]: Money(one["cost_minor"], one["currency"]) for one in listed}

    for service in read_services():
        cost = costs[service.products["sandbox"]]
        assert (cost.currency, cost.minor < service.price.minor) == (service.price.currency, True), service


async def test_an_sms_gives_the_code_and_the_order_is_finished(
    provider: Sandbox, operator: httpx.AsyncClient
) -> None:
    order = await provider.buy(purchase())
    await operator.post(f"/v1/orders/{order.id}/sms", json={"code": "1234"})
    await operator.post(f"/v1/orders/{order.id}/sms", json={"text": "No\ncode\u202e here"})

    received = await provider.check(order.id)
    assert (received.state, received.code) == (OrderState.RECEIVED, "No code here")
    assert await provider.cancel(order.id) == received
    await provider.finish(order.id)
    assert (await provider.check(order.id)).state is OrderState.RECEIVED


async def test_an_order_too_new_is_not_cancelled_and_says_when_it_may_be(provider: Sandbox) -> None:
    order = await provider.buy(purchase())

    with pytest.raises(CancelTooEarly) as early:
        await provider.cancel(order.id)

    assert LEAST - 10 < early.value.retry_after_seconds <= LEAST


@pytest.mark.parametrize("how", ["timeout", "ban"])
async def test_what_is_over_without_an_sms_is_over(
    provider: Sandbox, operator: httpx.AsyncClient, how: str
) -> None:
    order = await provider.buy(purchase())
    await operator.post(f"/v1/orders/{order.id}/{how}")

    assert (await provider.cancel(order.id)).state is OrderState.OVER


async def test_an_order_that_is_not_there_is_unknown(provider: Sandbox) -> None:
    for call in (provider.check, provider.cancel):
        with pytest.raises(UnknownOrder):
            await call("or_none")


@pytest.mark.parametrize(
    ("product", "reason"),
    [("line", "no numbers are available"), ("nothing", "the service is not available")],
)
async def test_a_refusal_is_no_number(provider: Sandbox, product: str, reason: str) -> None:
    with pytest.raises(Declined, match=reason):
        await provider.buy(purchase(product))


@pytest.mark.parametrize(
    ("faults", "made"),
    [("timeout", 1), ("error_after", 1), ("timeout_before", 0), ("error=500", 0)],
)
async def test_a_purchase_without_an_answer_is_found_or_provably_absent(
    provider: Sandbox, hasty: Sandbox, operator: httpx.AsyncClient, faults: str, made: int
) -> None:
    wanted = purchase()
    await goes_wrong(operator, "POST /v1/orders", faults)

    with pytest.raises(ProviderAway):
        await hasty.buy(wanted)

    assert len(await provider.find(wanted)) == made


@pytest.mark.parametrize("call", ["find", "check", "cancel", "finish"])
async def test_no_call_decides_anything_without_an_answer(
    provider: Sandbox, operator: httpx.AsyncClient, call: str
) -> None:
    order = await provider.buy(purchase())
    await goes_wrong(operator, "/v1/orders", "error")

    with pytest.raises(ProviderAway):
        await getattr(provider, call)(purchase() if call == "find" else order.id)


@asynccontextmanager
async def too_early_for(given: str) -> AsyncIterator[Sandbox]:
    """A provider that says so many seconds."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        body = f'{{"code": "early_cancel_denied", "retry_after_seconds": {given}}}'.encode()
        await send({"type": "http.response.start", "status": 409, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with served(app) as url:
        provider = Sandbox(url, "k")
        yield provider
        await provider.close()


@pytest.mark.parametrize(("given", "seconds"), [("1e300", 300), ("-1", 5), ('"soon"', 5), ("0.5", 0.5)])
async def test_how_long_to_wait_is_bounded_whatever_is_said(given: str, seconds: float) -> None:
    async with too_early_for(given) as provider:
        with pytest.raises(CancelTooEarly) as early:
            await provider.cancel("or_1")

    assert early.value.retry_after_seconds == seconds


@pytest.mark.parametrize("given", ["NaN", "Infinity", "1e999"])
async def test_what_is_no_number_makes_the_answer_unreadable(given: str) -> None:
    async with too_early_for(given) as provider:
        with pytest.raises(ProviderAway):
            await provider.cancel("or_1")
