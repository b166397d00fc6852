"""The adapter against a real server that speaks 5sim's API, and fails as it may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.verification.tests.peers import CALL_SECONDS, Fault, FiveSimServer
from shared.providers.errors import ProviderAway
from shared.testing.serving import served
from verification.adapters.providers import FiveSim
from verification.adapters.providers.fivesim import NO_NUMBERS, PAGES, UNAVAILABLE
from verification.domain.orders import Declined, OrderState, Purchase, UnknownOrder

SMS = {"created_at": "2026-01-01T00:00:00Z", "sender": "x", "text": "Your code is 48151", "code": "48151"}


def purchase(age: float = 0, country: str = "any", product: str = "whatsapp") -> Purchase:
    return Purchase("VER-7F3K9Q2M4C1X", product, country, age)


@pytest.fixture
def server() -> FiveSimServer:
    return FiveSimServer()


@pytest.fixture
async def provider(server: FiveSimServer) -> AsyncIterator[FiveSim]:
    async with served(server, date_header=False) as url:
        provider = FiveSim("token", url)
        yield provider
        await provider.close()


@pytest.fixture
async def hasty(server: FiveSimServer) -> AsyncIterator[FiveSim]:
    """One that does not wait for long."""
    async with served(server, date_header=False) as url:
        provider = FiveSim("token", url, seconds=CALL_SECONDS)
        yield provider
        await provider.close()


async def test_a_number_is_bought_and_waits_for_its_sms(provider: FiveSim, server: FiveSimServer) -> None:
    order = await provider.buy(purchase(country="england"))

    assert server.calls == ["/v1/user/buy/activation/england/any/whatsapp"]
    assert (order.id, order.phone_number, order.state) == ("1", "+44790000000", OrderState.PENDING)
    assert await provider.check("1") == order


async def test_the_newest_sms_gives_the_code(provider: FiveSim, server: FiveSimServer) -> None:
    server.add(sms=[SMS | {"code": "1"}, SMS])

    order = await provider.check("1")

    assert (order.state, order.code) == (OrderState.RECEIVED, "48151")


@pytest.mark.parametrize(
    ("sms", "code"),
    [
        ({"code": "", "text": "Your code\r\nis\x00 4 8"}, "Your code is 4 8"),
        ({"code": "\u202e51840"}, "51840"),
        ({"code": "", "text": "x" * 600}, "x" * 500),
    ],
)
async def test_what_the_provider_sends_is_made_fit_to_be_shown(
    provider: FiveSim, server: FiveSimServer, sms: dict[str, str], code: str
) -> None:
    server.add(sms=[SMS | sms], phone="\u202a+4479\x000000000\u202c")

    order = await provider.check("1")

    assert (order.code, order.phone_number) == (code, "+4479 0000000")


@pytest.mark.parametrize("status", ["CANCELED", "TIMEOUT", "BANNED", "FINISHED"])
async def test_what_is_over_without_an_sms_is_over(
    provider: FiveSim, server: FiveSimServer, status: str
) -> None:
    server.add(status=status)
    assert (await provider.check("1")).state is OrderState.OVER


async def test_cancelled_it_is_over_unless_an_sms_came_first(
    provider: FiveSim, server: FiveSimServer
) -> None:
    server.add()
    server.add(sms=[SMS])

    assert (await provider.cancel("1")).state is OrderState.OVER
    assert (await provider.cancel("2")).state is OrderState.RECEIVED
    with pytest.raises(UnknownOrder):
        await provider.cancel("3")
    with pytest.raises(UnknownOrder):
        await provider.check("3")


async def test_finished_it_is_said_to_be(provider: FiveSim, server: FiveSimServer) -> None:
    server.add()
    await provider.finish("1")
    assert server.orders[0]["status"] == "FINISHED"


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (200, "no free phones", NO_NUMBERS),
        (200, '"no free phones"', NO_NUMBERS),
        (400, "not enough user balance", UNAVAILABLE),
        (400, "something new", UNAVAILABLE),
        (401, "", UNAVAILABLE),
    ],
)
async def test_a_refusal_is_no_number(
    provider: FiveSim, server: FiveSimServer, status: int, said: str, reason: str
) -> None:
    server.says = [(status, said)]
    with pytest.raises(Declined) as declined:
        await provider.buy(purchase())
    assert declined.value.reason == reason


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "server offline"), (200, "something new"), (200, "{}"), (429, ""), (302, ""), (500, "x")],
)
async def test_what_decides_nothing_is_no_answer(
    provider: FiveSim, server: FiveSimServer, status: int, said: str
) -> None:
    server.says = [(status, said)]
    with pytest.raises(ProviderAway):
        await provider.buy(purchase())


@pytest.mark.parametrize("fault", ["timeout", "timeout_before", "error", "malformed"])
@pytest.mark.parametrize("call", ["buy", "find", "check", "cancel"])
async def test_no_call_decides_anything_without_a_plain_answer(
    hasty: FiveSim, server: FiveSimServer, fault: Fault, call: str
) -> None:
    server.add()
    server.faults = [fault] * 2  # Where it cannot cancel, it looks once more before it gives up.

    with pytest.raises(ProviderAway):
        await getattr(hasty, call)(purchase() if call in ("buy", "find") else "1")


async def test_after_a_time_out_what_was_bought_is_found(
    hasty: FiveSim, provider: FiveSim, server: FiveSimServer
) -> None:
    server.add(age=3600)
    server.add("telegram")
    server.faults = ["timeout"]
    with pytest.raises(ProviderAway):
        await hasty.buy(purchase())

    assert [order.id for order in await provider.find(purchase(age=1))] == ["3"]
    assert [order.id for order in await provider.find(purchase(age=1, country="france"))] == []


@pytest.mark.parametrize("ahead", [-86400, -60, 60, 86400])
async def test_the_providers_clock_may_be_wrong(
    provider: FiveSim, server: FiveSimServer, ahead: float
) -> None:
    server.ahead = timedelta(seconds=ahead)
    server.add(age=1000)
    server.add(age=100)

    assert [order.id for order in await provider.find(purchase(age=110))] == ["2"]


async def test_without_its_date_an_answer_proves_no_absence(provider: FiveSim, server: FiveSimServer) -> None:
    server.dated = False
    with pytest.raises(ProviderAway):
        await provider.find(purchase())


@pytest.mark.parametrize("page", [100, 7])
async def test_it_is_found_on_a_later_page(provider: FiveSim, server: FiveSimServer, page: int) -> None:
    server.page = page
    server.add(age=60)
    for _ in range(page * 2):
        server.add("telegram")

    assert [order.id for order in await provider.find(purchase(age=70))] == ["1"]


async def test_what_is_further_down_than_we_look_is_not_said_to_be_absent(
    provider: FiveSim, server: FiveSimServer
) -> None:
    server.page = 5
    server.add(age=60)
    for _ in range(5 * PAGES):
        server.add("telegram")

    with pytest.raises(ProviderAway, match="further down"):
        await provider.find(purchase(age=70))
