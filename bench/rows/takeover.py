"""How long a browser is without its line when that goes, and a reading on its way to the other tabs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from playwright.async_api import Browser, BrowserContext, WebSocketRoute

from bench.figures import Figure, Verdict
from bench.stage import Stage
from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.chromium import open_chromium
from tests.browser.client_tab import HANG, ClientTab, leader_of

TABS = 3
REPETITIONS = 5
HANG_MS = 8_000
READINGS = 10

# (the best, the worst) that was measured of a prototype: the marks to beat.
CLOSED_S, HUNG_S, KILLED_S, POLLING_S = 0.7, 4.2, 6.0, 3.3
READ_MS = 200.0

Waited = Callable[[BrowserContext, Stack, str], Awaitable[float]]


async def run(stage: Stage) -> list[Verdict]:
    rows: dict[str, tuple[Waited, float]] = {
        "leader closed → next tab online": (_closed, CLOSED_S),
        "leader hung → next tab online": (_hung, HUNG_S),
        "gateway killed → all tabs online": (_killed, KILLED_S),
        "sockets refused → polling": (_refused, POLLING_S),
    }
    users = [f"tabs-{number}" for number in range(len(rows) + 1)]
    async with stage.product(users) as product, open_chromium() as browser:
        verdicts = []
        for user, (row, (waited, worst)) in zip(users, rows.items(), strict=False):
            seconds = Figure(
                tuple([await _alone(browser, waited, product.stack, user) for _ in range(REPETITIONS)]),
                "s",
                2,
            )
            verdicts.append(_at_most(row, seconds, worst))
        here, there = await _readings(browser, product.stack, users[-1])
    return [
        *verdicts,
        _at_most("read in one tab → count right in the others", here, READ_MS),
        _at_most("read in one tab → count right in another profile", there, READ_MS),
    ]


async def _alone(browser: Browser, waited: Waited, stack: Stack, user: str) -> float:
    async with await browser.new_context() as profile:
        return await waited(profile, stack, user)


async def _opened(profile: BrowserContext, stack: Stack, user: str) -> list[ClientTab]:
    tabs = [await ClientTab.open(profile, stack, user) for _ in range(TABS)]
    for tab in tabs:
        await tab.until_online()
    return tabs


async def _closed(profile: BrowserContext, stack: Stack, user: str) -> float:
    tabs = await _opened(profile, stack, user)
    leader = await leader_of(*tabs)
    began = time.time()
    await leader.page.close()
    return await _next_line([tab for tab in tabs if tab is not leader]) - began


async def _hung(profile: BrowserContext, stack: Stack, user: str) -> float:
    tabs = await _opened(profile, stack, user)
    leader = await leader_of(*tabs)
    await leader.page.evaluate(HANG, HANG_MS)
    began = time.time()
    return await _next_line([tab for tab in tabs if tab is not leader]) - began


async def _killed(profile: BrowserContext, stack: Stack, user: str) -> float:
    tabs = await _opened(profile, stack, user)
    began = time.time()
    stack.supervisor.kill("ws-gateway")
    return max([await _online_since(tab, began) for tab in tabs]) - began


async def _refused(profile: BrowserContext, stack: Stack, user: str) -> float:
    async def refuse(socket: WebSocketRoute) -> None:
        await socket.close(code=1011)

    await profile.route_web_socket("**/v1/ws", refuse)
    tab = await ClientTab.open(profile, stack, user)
    started_at = float(await tab.page.evaluate("() => window.startedAt")) / 1000
    return await _became(tab, "poll", started_at) - started_at


async def _next_line(tabs: list[ClientTab]) -> float:
    """When one of these had a socket of its own, in seconds of the wall clock."""
    return await _became(await leader_of(*tabs), "ws", 0)


async def _online_since(tab: ClientTab, since: float) -> float:
    """When it was online again after it had not been."""

    async def back() -> float:
        became = [each for each in await tab.seen("became") if each["at"] / 1000 > since]
        gone = next((n for n, each in enumerate(became) if each["transport"] == "none"), len(became))
        return float(next((each["at"] for each in became[gone:] if each["transport"] != "none"), 0)) / 1000

    return await until(back, within_seconds=60)


async def _became(tab: ClientTab, transport: str, since: float) -> float:
    async def there() -> float:
        became = [each for each in await tab.seen("became") if each["at"] / 1000 >= since]
        return float(next((each["at"] for each in became if each["transport"] == transport), 0)) / 1000

    return await until(there, within_seconds=60)


async def _readings(browser: Browser, stack: Stack, user: str) -> tuple[Figure, Figure]:
    """Milliseconds from the call until each other tab counts one less: of this profile, of another."""
    async with await browser.new_context() as here, await browser.new_context() as there:
        mine, theirs = await _opened(here, stack, user), await _opened(there, stack, user)
        for _ in range(READINGS):
            await stack.debit(user, "0.01", reason="to be read")
        for tab in (*mine, *theirs):
            await tab.until_seen(READINGS + 1)
        waits: tuple[list[float], list[float]] = ([], [])
        for number in range(READINGS):
            left = READINGS - number
            at = float(await mine[0].page.evaluate(READ_ONE, number))
            for waited, tabs in zip(waits, (mine[1:], theirs), strict=True):
                counted = await asyncio.gather(*(_counted(tab, left, at) for tab in tabs))
                waited.append(max(counted) - at)
    return Figure(tuple(waits[0]), "ms"), Figure(tuple(waits[1]), "ms")


READ_ONE = """(number) => {
    const at = Date.now();
    window.client.markRead([window.client.state.items[number].id]);
    return at;
}"""


async def _counted(tab: ClientTab, unread: int, since: float) -> float:
    async def right() -> float:
        counted = await tab.seen("counted")
        return float(next((c["at"] for c in counted if c["unread"] == unread and c["at"] >= since), 0))

    return await until(right)


def _at_most(row: str, figure: Figure, worst: float) -> Verdict:
    return Verdict(row, figure, "", "", f"≤ {worst:g} {figure.unit}", figure.median <= worst)
