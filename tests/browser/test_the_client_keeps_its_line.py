"""The client's line through sockets that end, tokens that end and networks without sockets."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route, WebSocketRoute

from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.client_tab import ClientTab
from tests.browser.meddler import SOCKET, Frame, Meddler, once, open_through

# ---------------------------------------------------------------------- sockets that end


@pytest.mark.parametrize("code", [1001, 1005, 1011, 1012, 1013, 4401, 4408, 4429])
async def test_a_closed_socket_is_resumed_where_it_ended(
    stack: Stack, owner: str, profile: BrowserContext, code: int
) -> None:
    meddler = Meddler(lambda frame: [] if frame.get("seq") == 2 and len(meddler.lines) == 1 else [frame])
    tab = await open_through(meddler, profile, stack, owner)
    await stack.debit(owner, "1.00", reason="not heard of before the end")

    if code == 1005:
        await meddler.lines[-1].close()
    else:
        await meddler.close(code, "retry_ms=0")

    await tab.until_seen(2)
    await tab.until_on("ws")
    await stack.debit(owner, "1.00", reason="on the next socket")
    await tab.until_seen(3)
    assert await tab.seen("seqs") == [2, 3]
    await tab.until_popped_up(2, 3)
    hellos = [await meddler.next_said("hello"), await meddler.next_said("hello")]
    assert [hello["cursor"] for hello in hellos] == ["1:1", "1:1"]
    assert hellos[0]["ticket"] != hellos[1]["ticket"]


async def test_a_socket_that_talks_nonsense_is_given_up_and_resumed(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    meddler = Meddler()
    tab = await open_through(meddler, profile, stack, owner)

    meddler.tell("<nonsense>")
    await stack.debit(owner, "1.00", reason="after that")

    await tab.until_seen(2)
    assert await tab.seen("seqs") == [2]
    assert len(meddler.lines) == 2


async def test_a_silent_socket_is_given_up_and_resumed(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    def fall_silent_after_the_first_live(frame: Frame) -> list[Frame]:
        if frame["type"] == "welcome":
            return [frame | {"ping_s": 0}] if len(meddler.lines) == 1 else [frame]
        return [frame] if frame["type"] == "live" or len(meddler.lines) > 1 else []

    meddler = Meddler(fall_silent_after_the_first_live)
    tab = await open_through(meddler, profile, stack, owner)
    await stack.debit(owner, "2.50", reason="into the silence")

    await tab.page.clock.fast_forward("00:06")

    await tab.until_seen(2)
    assert len(meddler.lines) == 2


async def test_the_gateway_says_when_to_come_back(stack: Stack, owner: str, profile: BrowserContext) -> None:
    meddler = Meddler()
    tab = await open_through(meddler, profile, stack, owner)

    await meddler.close(4429, "retry_ms=600000")
    await tab.until_on("none")
    await tab.page.clock.fast_forward("05:00")
    await tab.page.clock.fast_forward("05:01")

    await tab.until_on("ws")
    [*_, left, back] = await tab.seen("became")
    assert back["at"] - left["at"] >= 600_000  # By the tab's own clock, which was put forward.


@pytest.mark.usefixtures("the_end_is_logged")
@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1009, "too_large"),
        (4500, "protocol"),
        (4501, "not_authorised"),
        (4503, "origin_refused"),
        (4777, "refused"),
    ],
)
async def test_a_final_close_code_stops_the_client_and_it_says_why(
    stack: Stack, owner: str, profile: BrowserContext, code: int, name: str
) -> None:
    opened: list[WebSocketRoute] = []

    async def refuse(socket: WebSocketRoute) -> None:
        opened.append(socket)
        await socket.close(code=code, reason="for good")

    async def prepare(page: Page) -> None:
        await page.route_web_socket(SOCKET, refuse)
        await page.clock.install()

    tab = await ClientTab.open(profile, stack, owner, prepare=prepare)

    problem = await tab.until_refused()
    assert problem["code"] == name
    assert str(code) in problem["message"]
    assert await tab.seen("errors") == [name]
    await tab.page.clock.fast_forward("10:00")
    assert (await tab.state())["transport"] == "none"
    assert len(opened) == 1


# ---------------------------------------------------------------------- tokens


async def test_the_socket_is_renewed_before_its_token_ends(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    def end_soon(frame: Frame) -> list[Frame]:
        return [frame | {"expires_at": time.time() + 6}] if frame["type"] == "welcome" else [frame]

    meddler = Meddler(once(lambda frame: frame["type"] == "welcome", end_soon))
    tokens = [stack.token(owner), stack.token(owner, seconds=1800)]
    tab = await open_through(meddler, profile, stack, owner, tokens=tokens)

    await tab.page.clock.fast_forward("00:05")
    first, second = await meddler.next_said("hello"), await meddler.next_said("hello")
    assert first["ticket"] != second["ticket"]
    assert await tab.seen("asked") == tokens

    await stack.debit(owner, "1.00", reason="on the renewed socket")
    await tab.until_seen(2)
    await tab.until_popped_up(2)
    assert len(meddler.lines) == 1


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_token_that_is_not_accepted_is_asked_for_anew(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    tokens = [stack.token(owner, seconds=-600), stack.token(owner)]

    tab = await ClientTab.open(profile, stack, owner, tokens=tokens)

    await tab.until_online()
    assert await tab.seen("asked") == tokens
    assert await tab.seqs_shown() == [1]


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_token_that_ends_while_the_tab_is_open_costs_nothing(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    tokens = [stack.token(owner), stack.token(owner, seconds=1800)]
    meddler = Meddler()
    tab = await open_through(meddler, profile, stack, owner, tokens=tokens)

    await over_at_the_next_ticket(tab.page)
    await meddler.close(4401, "the token has ended")
    await stack.debit(owner, "1.00", reason="meanwhile")

    await tab.until_seen(2)
    await tab.until_on("ws")
    assert await tab.seen("asked") == tokens
    assert await tab.seen("seqs") == [2]


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_token_that_nobody_renews_is_the_end(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    tab = await ClientTab.open(profile, stack, owner, tokens=[stack.token(owner, seconds=-600)])

    assert (await tab.until_refused())["code"] == "unauthorised"
    assert await tab.seen("errors") == ["unauthorised"]


async def test_without_a_token_nobody_is_signed_in(stack: Stack, owner: str, profile: BrowserContext) -> None:
    tab = await ClientTab.open(profile, stack, owner, tokens=[None])

    assert await tab.until_refused() == {"code": "unauthorised", "message": "nobody is signed in"}
    assert len(await tab.seen("asked")) == 1


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_token_of_somebody_else_never_adds_to_what_is_shown(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    stranger = f"{owner}-stranger"
    await stack.open_account(stranger, "USD")
    await stack.add_credits(stranger, "5.00")
    meddler = Meddler()
    tab = await open_through(
        meddler, profile, stack, owner, tokens=[stack.token(owner), stack.token(stranger)]
    )

    await over_at_the_next_ticket(tab.page)
    await meddler.close(4401, "the token has ended")

    assert (await tab.until_refused())["code"] == "other_user"
    assert await tab.seqs_shown() == [1]
    assert [balance["available"] for balance in (await tab.state())["balances"]] == ["10.00"]


async def over_at_the_next_ticket(page: Page) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=401, json={"code": "unauthorised", "title": "The token has ended"})

    await page.route("**/v1/tickets", refuse, times=1)


# ---------------------------------------------------------------------- polling


async def test_without_a_socket_the_client_polls_and_is_woken_by_what_comes(
    stack: Stack, owner: str, profile: BrowserContext
) -> None:
    tab, polls = await open_polling(profile, stack, owner)

    async def held() -> bool:
        return any("wait=25" in poll.url for poll in polls)

    await until(held)
    await stack.debit(owner, "2.50", reason="by polling")

    await tab.until_seen(2)
    assert await tab.seen("seqs") == [2]
    await tab.until_unread(2)
    await tab.until_available("7.50")
    await tab.until_popped_up(2)
    assert (await tab.state())["polling"] is True


async def test_who_polls_tries_the_socket_again(stack: Stack, owner: str, profile: BrowserContext) -> None:
    meddler = Meddler()
    tab, _ = await open_polling(profile, stack, owner)
    await meddler.sit_down(tab.page)

    await tab.page.clock.fast_forward("01:01")
    await stack.debit(owner, "2.50", reason="wakes the poll that is held")

    await tab.until_on("ws")
    await tab.until_seen(2)
    assert await tab.seen("seqs") == [2]
    await stack.debit(owner, "2.50", reason="by socket")
    await tab.until_seen(3)
    assert (await tab.state())["polling"] is False


async def open_polling(
    profile: BrowserContext, stack: Stack, user_id: str
) -> tuple[ClientTab, list[Request]]:
    """A tab that can have no socket, and its polls."""
    polls: list[Request] = []

    async def prepare(page: Page) -> None:
        await page.route_web_socket(SOCKET, lambda socket: socket.close(code=1013))
        await page.clock.install()
        page.on("request", lambda request: polls.append(request) if "/v1/stream" in request.url else None)

    tab = await ClientTab.open(profile, stack, user_id, prepare=prepare)
    await tab.until_on("poll")
    return tab, polls
