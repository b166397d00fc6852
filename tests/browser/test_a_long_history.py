"""Bursts, and ten thousand in one tab: few rows at a time, none missing, and nothing that piles up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import pairwise

import pytest
from playwright.async_api import CDPSession, Locator, Page, expect

from ledgerbell.stack import Stack
from shared.streams import MAX_BEHIND
from shared.testing.waiting import until
from tests.browser.hands import bell, expect_live
from tests.browser.seeding import debit_many

OpenTab = Callable[[str], Awaitable[Page]]

# A tab that loses its line in the middle has it all replayed; further behind, it would load its history.
BURST = MAX_BEHIND * 4 // 5
RECEIVED, MORE_RECEIVED = 5 * BURST, 25 * BURST
SCROLLED = 2_000
# What fills the panel, a thousand pixels above and below it, and the pages of twenty that those stand in.
ROWS_AT_MOST = 100
KEPT = 200
# One that stays takes a thousand bytes; what the browser compiles of our code meanwhile, ten each.
BYTES_EACH_AT_MOST = 40
NODES_MORE_AT_MOST = 50

LISTEN = """() => {
    window.client = document.querySelector('ledgerbell-bell').client;
    window.received = { count: 0, last: 1 };
    window.client.addEventListener('notification', ({ detail }) => {
        window.received.count += 1;
        if (detail.seq === window.received.last + 1) window.received.last = detail.seq;
    });
}"""
SEQS = "(rows) => rows.map((row) => Number(row.dataset.seq))"
# In one go: a row that comes in between would be scrolled past without having been seen.
SEQS_AND_ON = """(rows) => {
    rows.at(-1).scrollIntoView({ block: 'end', container: 'nearest' });
    return rows.map((row) => Number(row.dataset.seq));
}"""


@pytest.fixture
async def tab(stack: Stack, user: str, open_tab: OpenTab) -> Page:
    """Of a user with money for many debits; it counts what it receives."""
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "1000.00")
    tab = await open_tab(user)
    await expect_live(tab)
    await expect(bell(tab)).to_have_accessible_name("Notifications, 1 unread")
    await tab.evaluate(LISTEN)
    return tab


async def receive(stack: Stack, tab: Page, user: str, starts: Iterable[int]) -> None:
    """Burst by burst."""
    for start in starts:
        await debit_many(stack, user, BURST)
        count = start + BURST
        all_told = f"() => window.received.count >= {count}"
        with suppress(TimeoutError):
            await until(partial(tab.evaluate, all_told), within_seconds=60)
        assert await tab.evaluate("() => window.received") == {"count": count, "last": count + 1}


def history(tab: Page) -> Locator:
    return tab.locator("ledgerbell-history")


def rows(tab: Page) -> Locator:
    return tab.get_by_role("dialog", name="Notifications").get_by_role("article")


async def rows_shown(tab: Page, script: str = SEQS) -> list[int]:
    """From the top: few, and each once, in order."""
    shown: list[int] = await rows(tab).evaluate_all(script)
    assert 0 < len(shown) <= ROWS_AT_MOST
    assert all(above > below for above, below in pairwise(shown))
    return shown


async def until_at_the_top(tab: Page, seq: int) -> None:
    async def there() -> bool:
        return (await rows_shown(tab))[0] == seq

    await until(there)


async def scroll_down_to(tab: Page, last: int) -> set[int]:
    """All that were shown on the way."""
    seen: set[int] = set()

    async def there() -> bool:
        shown = await rows_shown(tab, SEQS_AND_ON)
        seen.update(shown)
        return shown[-1] <= last

    await until(there, within_seconds=60)
    return seen


async def test_a_burst_arrives_complete_and_in_order_with_the_panel_open(
    stack: Stack, user: str, tab: Page
) -> None:
    await bell(tab).click()
    await rows(tab).first.wait_for()

    await receive(stack, tab, user, [0])

    await until_at_the_top(tab, BURST + 1)
    assert await scroll_down_to(tab, 1) == set(range(1, BURST + 2))


async def test_what_comes_while_somebody_reads_further_down_waits_above(
    stack: Stack, user: str, tab: Page
) -> None:
    await receive(stack, tab, user, [0])
    await bell(tab).click()
    await rows(tab).first.wait_for()
    await scroll_down_to(tab, BURST - 100)
    await tab.keyboard.press("End")
    await tab.keyboard.press("ArrowUp")

    await stack.debit(user, "0.01", reason="not to be jumped over")

    more = tab.get_by_role("button", name="1 new", exact=True)
    await expect(more).to_be_visible()
    assert BURST + 2 not in await rows_shown(tab)
    await more.click()
    await until_at_the_top(tab, BURST + 2)
    await expect(rows(tab).first).to_be_focused()
    assert await tab.evaluate("() => scrollY") == 0  # The page behind the panel has not moved.


@pytest.mark.timeout(300)
async def test_a_tab_that_has_received_ten_thousand_is_as_small_as_before_and_shows_them_all(
    stack: Stack, user: str, tab: Page
) -> None:
    session = await tab.context.new_cdp_session(tab)
    await session.send("Performance.enable")

    await receive(stack, tab, user, range(0, RECEIVED, BURST))
    nodes, heap_bytes = await size_of(tab, session)
    await receive(stack, tab, user, range(RECEIVED, MORE_RECEIVED, BURST))
    await expect(history(tab).locator("[part=count]")).to_have_text(f"{KEPT} entries shown")
    nodes_now, heap_bytes_now = await size_of(tab, session)

    assert nodes_now - nodes <= NODES_MORE_AT_MOST
    assert heap_bytes_now - heap_bytes <= BYTES_EACH_AT_MOST * (MORE_RECEIVED - RECEIVED)
    assert await tab.evaluate("() => window.client.state.items.length") == KEPT

    await bell(tab).click()
    await rows(tab).first.wait_for()
    newest, oldest = MORE_RECEIVED + 1, MORE_RECEIVED + 1 - SCROLLED
    assert (await rows_shown(tab))[0] == newest
    assert set(range(oldest, newest + 1)) <= await scroll_down_to(tab, oldest)
    assert await tab.evaluate("() => window.client.state.items.length") == KEPT


async def size_of(tab: Page, session: CDPSession) -> tuple[float, float]:
    """Nodes, in the document or not, and bytes of the heap; without rows, which are a page more or less."""
    await history(tab).get_by_role("button", name="Security").click()
    await expect(history(tab).locator("[part=empty]")).to_be_visible()
    await session.send("HeapProfiler.collectGarbage")
    answer = await session.send("Performance.getMetrics")
    found = {metric["name"]: metric["value"] for metric in answer["metrics"]}
    await history(tab).get_by_role("button", name="All").click()
    await history(tab).get_by_role("article").first.wait_for()
    return found["Nodes"], found["JSHeapUsedSize"]
