"""The tabs of a browser share one line: who has it may close, hang or be cut off, all end with 1..n once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import BrowserContext, WebSocketRoute

from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.client_tab import HANG, ClientTab, leader_of

NewProfile = Callable[[], Awaitable[BrowserContext]]

# What a browser tells a tab that comes to the front.
LOOK = """() => {
    document.dispatchEvent(new Event('visibilitychange'));
    window.dispatchEvent(new Event('focus'));
}"""
LOCKS = """async () => {
    const { held, pending } = await navigator.locks.query();
    return [held.length, pending.length];
}"""
GIVE_UP = """
    () => window.client.addEventListener('toasts-moved', ({ detail }) => detail.take(window.seen.toasts))
"""


async def three_tabs(profile: BrowserContext, stack: Stack, user_id: str) -> list[ClientTab]:
    tabs = [await ClientTab.open(profile, stack, user_id) for _ in range(3)]
    for tab in tabs:
        await tab.until_online()
    return tabs


async def expect_all_once(tabs: list[ClientTab], last: int, first: int = 2, seconds: float = 30) -> None:
    """Each tab has the history from 1 and was told of each one since `first` once, in order."""
    for tab in tabs:
        await tab.until_seen(last, seconds)
        assert await tab.seqs_shown() == list(range(1, last + 1))
        assert await tab.seen("seqs") == list(range(first, last + 1))


async def toasts_of(tabs: list[ClientTab]) -> list[int]:
    return sorted([seq for tab in tabs for seq in await tab.seen("toasts")])


async def expect_toasts_once(tabs: list[ClientTab], last: int, first: int = 2) -> None:
    async def popped() -> bool:
        return len(await toasts_of(tabs)) >= last - first + 1

    await until(popped)
    assert await toasts_of(tabs) == list(range(first, last + 1))


def sockets_open(tabs: list[ClientTab]) -> int:
    return sum(sum(tab.sockets) for tab in tabs)


async def debit(stack: Stack, user_id: str, count: int) -> None:
    for _ in range(count):
        await stack.debit(user_id, "0.01", reason="one of many")


async def test_a_browser_has_one_socket_and_pops_up_once(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    here = await three_tabs(await new_profile(), stack, owner)
    there = await three_tabs(await new_profile(), stack, owner)
    stranger = f"{owner}-stranger"
    await stack.open_account(stranger, "USD")
    other = await ClientTab.open(here[0].page.context, stack, stranger)
    await other.until_online()
    await leader_of(*here)
    await leader_of(*there)

    await debit(stack, owner, 10)

    await expect_all_once([*here, *there], 11)
    await expect_toasts_once(here, 11)
    await expect_toasts_once(there, 11)
    assert [sockets_open(here), sockets_open(there), sockets_open([other])] == [1, 1, 1]
    assert await other.seqs_shown() == []
    assert (await other.state())["unread"] == 0


async def test_the_leader_is_closed_and_another_tab_goes_on(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    leader = await leader_of(*tabs)
    rest = [tab for tab in tabs if tab is not leader]
    debits = asyncio.create_task(debit(stack, owner, 40))

    await leader.page.close()
    await debits

    await leader_of(*rest)
    await expect_all_once(rest, 41)
    assert sockets_open(rest) == 1


async def test_the_leader_hangs_and_the_line_is_taken_from_it(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    leader = await leader_of(*tabs)
    rest = [tab for tab in tabs if tab is not leader]

    await leader.page.evaluate(HANG, 12_000)
    await debit(stack, owner, 10)
    await leader_of(*rest)
    await expect_all_once(rest, 11)

    assert await leader_of(*tabs) is not leader  # Once it is back, it follows.
    await expect_all_once(tabs, 11)

    async def one_socket() -> bool:
        return sockets_open(tabs) == 1

    await until(one_socket)


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_the_gateway_is_killed_while_debits_go_on(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)

    await debit(stack, owner, 5)
    stack.supervisor.kill("ws-gateway", restart=False)
    await debit(stack, owner, 5)
    await stack.supervisor.start("ws-gateway")
    await debit(stack, owner, 5)

    await expect_all_once(tabs, 16, seconds=60)
    await expect_toasts_once(tabs, 16)


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_a_hidden_tab_does_not_keep_a_line_it_has_lost(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    leader = await leader_of(*tabs)
    await leader.page.evaluate("() => Object.defineProperty(document, 'hidden', { get: () => true })")

    stack.supervisor.kill("ws-gateway", restart=False)

    await leader_of(*[tab for tab in tabs if tab is not leader])
    await stack.supervisor.start("ws-gateway")
    await debit(stack, owner, 1)
    await expect_all_once(tabs, 2, seconds=60)


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_the_network_stalls_and_comes_back(stack: Stack, owner: str, new_profile: NewProfile) -> None:
    profile = await new_profile()
    tabs = await three_tabs(profile, stack, owner)

    await profile.set_offline(True)
    await debit(stack, owner, 5)
    await profile.set_offline(False)

    await expect_all_once(tabs, 6)
    for tab in tabs:
        await tab.until_online()


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_where_sockets_are_refused_the_tabs_poll(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    profile = await new_profile()

    async def refuse(socket: WebSocketRoute) -> None:
        await socket.close(code=1011)

    await profile.route_web_socket("**/v1/ws", refuse)
    tabs = await three_tabs(profile, stack, owner)
    leader = await leader_of(*tabs)
    assert (await leader.state())["transport"] == "poll"

    await debit(stack, owner, 5)

    await expect_all_once(tabs, 6)
    await expect_toasts_once(tabs, 6)
    assert {(await tab.state())["polling"] for tab in tabs} == {True}


async def test_the_count_is_right_after_300_readings_from_three_tabs_at_once(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    [elsewhere] = [await ClientTab.open(await new_profile(), stack, owner)]
    await asyncio.gather(*(stack.debit(owner, "0.01", reason="to be read") for _ in range(149)))
    for tab in tabs:
        await tab.until_seen(150)
    chosen = random.choices(range(1, 151), k=300)

    async def read(tab: ClientTab, seqs: list[int]) -> None:
        script = """(seqs) => Promise.all(seqs.map((seq) => {
            const { items } = window.client.state;
            return window.client.markRead(items.filter((item) => item.seq === seq).map(({ id }) => id));
        }))"""
        for start in range(0, len(seqs), 10):
            await tab.page.evaluate(script, seqs[start : start + 10])

    reading = [read(tab, chosen[place::3]) for place, tab in enumerate(tabs)]
    await asyncio.gather(debit(stack, owner, 30), *reading)

    left = 180 - len(set(chosen))
    for tab in [*tabs, elsewhere]:
        await tab.until_seen(180)

        async def exact(tab: ClientTab = tab) -> bool:
            return bool((await tab.state())["unread"] == left)

        await until(exact)
        unread = [item["seq"] for item in (await tab.state())["items"] if not item["read"]]
        assert unread == sorted(set(range(1, 181)) - set(chosen), reverse=True)


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_reading_that_is_refused_is_taken_back_in_every_tab(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    await tabs[0].page.route("**/read", lambda route: route.fulfill(status=429, json={"code": "too_many"}))

    await tabs[0].page.evaluate("() => window.client.markRead([window.client.state.items[0].id])")

    assert await tabs[0].seen("errors") == ["read_failed"]
    assert [(await tab.state())["unread"] for tab in tabs] == [1, 1, 1]
    assert [counted["unread"] for counted in await tabs[0].seen("counted")][-2:] == [0, 1]


async def test_toasts_that_stand_go_with_whoever_looks(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    for tab in tabs:
        await tab.page.evaluate(GIVE_UP)
    await debit(stack, owner, 1)
    await expect_toasts_once(tabs, 2)
    [shows] = [tab for tab in tabs if await tab.seen("toasts")]
    after_it, last = (tab for tab in tabs if tab is not shows)

    await after_it.page.evaluate(LOOK)
    await until_standing(after_it, [2])
    await after_it.page.close()
    await last.page.evaluate(LOOK)

    await until_standing(last, [2])


async def test_however_often_tabs_are_changed_each_role_is_asked_for_once_a_tab(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)

    for tab in [*tabs, *tabs]:
        await tab.page.evaluate(LOOK)

    async def settled() -> bool:
        # Line and toasts, each held by one of the three and waited for by the others.
        return bool(await tabs[0].page.evaluate(LOCKS) == [2, 4])

    await until(settled)
    await debit(stack, owner, 3)
    await expect_toasts_once(tabs, 4)


async def test_a_client_that_was_stopped_keeps_nothing(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    tabs = await three_tabs(await new_profile(), stack, owner)
    leader = await leader_of(*tabs)

    await leader.page.evaluate("() => { window.dispatchEvent(new Event('focus')); window.client.stop(); }")

    await leader_of(*[tab for tab in tabs if tab is not leader])
    state = await leader.state()
    assert (state["status"], state["transport"], state["leader"]) == ("idle", "none", False)
    await debit(stack, owner, 1)
    await tabs[tabs.index(leader) - 1].until_seen(2)
    assert await leader.seen("seqs") == []


async def until_standing(tab: ClientTab, seqs: list[int]) -> None:
    async def stands() -> bool:
        return await tab.seen("toasts") == seqs

    await until(stands)
