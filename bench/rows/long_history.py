"""The page of a user with 10,000 notifications: the panel opens, is scrolled through, and lives long."""

from __future__ import annotations

import math
from typing import Any

from playwright.async_api import CDPSession, Page, expect

from bench.figures import Figure, Verdict
from bench.stage import Stage
from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.chromium import open_chromium
from tests.browser.seeding import debit_many

STORED = 10_000
OPENINGS = 7
SCROLLED = 3_000
BURST = 500
BURSTS = 3
RECEIVED, MORE_RECEIVED = 5_000, 20_000
OPEN_MS, TASK_MS, GROWTH = 100.0, 50.0, 1.1

HEAR_LONG_TASKS = """
    window.longTasks = [];
    const keep = ({ duration }) => window.longTasks.push(duration);
    new PerformanceObserver((list) => list.getEntries().forEach(keep))
        .observe({ type: 'longtask', buffered: false });
"""
# From the press until the frame after the one that has the rows has begun: by then they were painted.
OPEN = """async () => {
    const root = document.querySelector('ledgerbell-bell').shadowRoot;
    const frame = () => new Promise(requestAnimationFrame);
    const began = performance.now();
    root.querySelector('button').click();
    while (!root.querySelector('[part~=panel] [part~=row]')) await frame();
    await frame();
    return performance.now() - began;
}"""
# To the lowest row that is there; answers with its number.
SCROLL = """() => {
    const panel = document.querySelector('ledgerbell-bell').shadowRoot.querySelector('[part~=panel]');
    const lowest = [...panel.querySelectorAll('article')].at(-1);
    lowest.scrollIntoView({ block: 'end' });
    return Number(lowest.dataset.seq);
}"""


async def run(stage: Stage) -> list[Verdict]:
    async with stage.product(["long-history", "long-life"]) as product, open_chromium() as browser:
        await debit_many(product.stack, "long-history", STORED)
        async with await browser.new_context(viewport={"width": 1280, "height": 860}) as profile:
            page = await profile.new_page()
            await page.add_init_script(HEAR_LONG_TASKS)
            await _sign_in(page, product.stack, "long-history")
            opened = await _openings(page)
            scrolling = await _while_scrolling(page)
            bursts = [await _burst(page, product.stack) for _ in range(BURSTS)]
        async with await browser.new_context(viewport={"width": 1280, "height": 860}) as profile:
            page = await profile.new_page()
            await _sign_in(page, product.stack, "long-life")
            before, after = await _life(page, product.stack)
    growth = after / before
    return [
        _at_most(f"{STORED:,} notifications: opening the panel", Figure(tuple(opened), "ms"), OPEN_MS),
        _at_most(f"longest task, scrolling through {SCROLLED:,}", Figure((scrolling,), "ms"), TASK_MS),
        _at_most(
            f"longest task, a burst of {BURST} with the panel open", Figure(tuple(bursts), "ms"), TASK_MS
        ),
        Verdict(
            f"memory of the tab, {RECEIVED:,} → {MORE_RECEIVED:,} received",
            f"{after / 2**20:.1f} MB",
            f"{before / 2**20:.1f} MB",
            f"{growth:.2f}×",
            f"≤ {GROWTH:g}×",
            growth <= GROWTH,
        ),
    ]


async def _sign_in(page: Page, stack: Stack, user: str) -> None:
    await page.goto(f"{stack.gateway_url}/#token={stack.token(user)}")
    await expect(page.locator("ledgerbell-status")).to_contain_text("Live")


async def _openings(page: Page) -> list[float]:
    """Milliseconds each; somebody who presses a button comes near it first."""
    bell = page.locator("ledgerbell-bell").get_by_role("button").first
    waits = []
    for _ in range(OPENINGS):
        await bell.hover()
        waits.append(float(await page.evaluate(OPEN)))
        await page.keyboard.press("Escape")
        await expect(page.locator("ledgerbell-bell").get_by_role("dialog")).to_be_hidden()
    return waits


async def _while_scrolling(page: Page) -> float:
    await page.evaluate(OPEN)
    await page.evaluate("() => { window.longTasks.length = 0; }")

    async def far_enough() -> bool:
        return bool(await page.evaluate(SCROLL) <= STORED - SCROLLED)

    await until(far_enough, within_seconds=120, every_seconds=0.05)
    return await _longest_task(page)


async def _burst(page: Page, stack: Stack) -> float:
    await page.evaluate("() => { window.longTasks.length = 0; }")
    unread = await _unread(page)
    await debit_many(stack, "long-history", BURST)

    async def counted() -> bool:
        return await _unread(page) == unread + BURST

    await until(counted, within_seconds=60)
    return await _longest_task(page)


async def _life(page: Page, stack: Stack) -> tuple[float, float]:
    """Bytes of the page's heap once it has received so many, and more."""
    session = await page.context.new_cdp_session(page)
    await debit_many(stack, "long-life", RECEIVED)
    await _until_unread(page, RECEIVED)
    before = await _heap_bytes(session)
    await debit_many(stack, "long-life", MORE_RECEIVED - RECEIVED)
    await _until_unread(page, MORE_RECEIVED)
    return before, await _heap_bytes(session)


async def _until_unread(page: Page, least: int) -> None:
    async def received() -> bool:
        return await _unread(page) >= least

    await until(received, within_seconds=120, every_seconds=0.1)


async def _heap_bytes(session: CDPSession) -> float:
    """Once it falls no more: what was on its way is let go of a moment later."""
    least = math.inf

    async def settled() -> bool:
        nonlocal least
        await session.send("HeapProfiler.collectGarbage")
        usage: dict[str, Any] = await session.send("Runtime.getHeapUsage")
        used, before = float(usage["usedSize"]), least
        least = min(least, used)
        return used > 0.99 * before

    await until(settled, within_seconds=30, every_seconds=0.5)
    return least


async def _unread(page: Page) -> int:
    name = "() => document.querySelector('ledgerbell-bell').shadowRoot.querySelector('button').ariaLabel"
    digits = "".join(filter(str.isdigit, str(await page.evaluate(name))))
    return int(digits or 0)


async def _longest_task(page: Page) -> float:
    """Milliseconds; 0 where none was long enough for the browser to tell of it (50 ms)."""
    return float(await page.evaluate("() => Math.max(0, ...window.longTasks)"))


def _at_most(row: str, figure: Figure, worst: float) -> Verdict:
    return Verdict(row, figure, "", "", f"≤ {worst:g} {figure.unit}", max(figure.values) <= worst)
