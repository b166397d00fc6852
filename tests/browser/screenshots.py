"""``make screenshots``: the pictures of docs/screenshots, made anew from the system as it runs."""

from __future__ import annotations

import asyncio
import io
import random
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from uuid import UUID

from PIL import Image
from playwright.async_api import Browser, FloatRect, Locator, Page, expect

from ledgerbell.audit import export, page_file
from ledgerbell.demo import Place, opened
from ledgerbell.gateway import OperatorSettings
from ledgerbell.stack import Stack
from ledgerbell.stories import (
    a_bonus,
    a_payment,
    a_payment_that_is_declined,
    a_refund_by_hand,
    a_refund_to_the_card,
    a_verification,
    a_verification_whose_code_never_comes,
)
from ledgerbell.tab import Tab
from monitor.adapters.rules_file import SHIPPED
from shared.testing.servers import servers_for_demo
from shared.testing.waiting import until
from tests.browser.chromium import open_chromium
from tests.browser.desk import expect_told, open_ops, panel, park, tile, until_told
from tests.browser.hands import bell, debit_in_a_burst, expect_live, record, toasts

USER = "ada"
OTHERS = ("bea", "cleo")
SHAPES = {"wide": (1280, 800), "phone": (360, 740)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
OPS_WIDTH_PX = 1280
MARGIN_PX = 12  # Less than there is between two parts of a page.
SETTINGS = {"checkpoint_seconds": "2"}  # Evidence is sealed by the time it is looked at.
# In one go: between two questions the page may have scrolled.
ON_ITS_PAGE = """(part, margin) => {
    const { x, y, width, height } = part.getBoundingClientRect();
    const around = { width: width + 2 * margin, height: height + 2 * margin };
    return { x: x + scrollX - margin, y: y + scrollY - margin, ...around };
}"""
A_MINUTE = re.compile("(?:L[^L]*){25}")  # So many moments in a chart's line.

Pages = dict[str, Page]


async def make(into: Path) -> None:
    """Pictures of one user's story, the same each time but for references, numbers and the time of day."""
    with tempfile.TemporaryDirectory() as folder:
        async with _running(Path(folder)) as stack, _signed_in(stack.gateway_url) as pages:
            place = Place(
                stack.gateway_url, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
            )
            async with opened(place, stack.token, USER) as (_, story), _others_spend(stack):
                for chapter in (
                    a_bonus,
                    a_payment,
                    a_payment_that_is_declined,
                    a_verification,
                    a_refund_by_hand,
                ):
                    await chapter(story)
                await _read_all(next(iter(pages.values())))
                await a_verification_whose_code_never_comes(story)
                waiting = await story.verify("google")
                await _picture_what_there_is(pages, into)
                await story.code_comes(waiting, "77120")
                await a_refund_to_the_card(story)
                await _picture_toasts(pages, into)
                await _picture_activity(stack, pages, into)
                sessions = len(pages) + len(story.tabs)
                await _picture_operations(stack, next(iter(pages.values())), sessions, into)


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Stack]:
    async with servers_for_demo(folder) as servers:
        with (folder / "log").open("w") as log:
            rules = folder / "rules.toml"
            rules.write_text(SHIPPED.read_text().replace("alert = false", "alert = true", 1))  # Small debits.
            settings = SETTINGS | {"rules_file": str(rules)}
            async with Stack(
                servers, folder / "stack", name="screenshots", temporary=True, settings=settings, log=log
            ) as stack:
                yield stack


@asynccontextmanager
async def _signed_in(url: str) -> AsyncIterator[Pages]:
    """The user's page in every shape and theme, by the name of its pictures."""
    async with open_chromium() as browser:
        pages = {}
        for shape, (width, height) in SHAPES.items():
            for theme in THEMES:
                page = await browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
                )
                await page.goto(url)
                await page.get_by_label("Name").fill(USER)
                await page.get_by_role("button", name="Sign in").click()
                await expect_live(page)
                pages[f"{shape}-{theme}"] = page
        yield pages


async def _read_all(page: Page) -> None:
    await bell(page).click()
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(bell(page)).to_have_accessible_name("Notifications, 0 unread")


async def _picture_what_there_is(pages: Pages, into: Path) -> None:
    for name, page in pages.items():
        await page.reload()  # No toast is left of what came meanwhile.
        await expect_live(page)
        await expect(record(page, "Codes", "Google")).to_contain_text("Waiting for the SMS")
        await _keep(page, into / f"wallet-{name}.png")
        await bell(page).click()
        await expect(page.locator("ledgerbell-bell").get_by_role("article").first).to_be_visible()
        await _keep(page, into / f"panel-{name}.png")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Refunds", exact=True).click()
        await _refunds_alone(page)
        await _keep(page, into / f"history-{name}.png", page.locator("#history"))
        await page.get_by_role("button", name="All", exact=True).click()
        await page.evaluate("() => scrollTo(0, 0)")
        await page.mouse.move(0, 0)


async def _refunds_alone(page: Page) -> None:
    """Not before they have come: for a moment the list that was filtered has nothing in it."""
    history = page.locator("#history")
    await expect(history.get_by_role("article").filter(has_text="Credits")).to_have_count(0)
    await expect(history.get_by_role("article").filter(has_text="Refund Initiated")).to_be_visible()
    await expect(history.get_by_role("feed")).to_have_attribute("aria-busy", "false")


async def _picture_toasts(pages: Pages, into: Path) -> None:
    for name, page in pages.items():
        await expect(toasts(page).filter(has_text="Refund Completed")).to_be_visible()
        await _keep(page, into / f"toasts-{name}.png")


async def _picture_activity(stack: Stack, pages: Pages, into: Path) -> None:
    await debit_in_a_burst(stack, USER)
    for name, page in pages.items():
        activity = page.get_by_role("region", name="Unusual activity")
        await expect(activity.get_by_role("button", name="This was me")).to_be_visible()
        await _keep(page, into / f"activity-{name}.png", activity)


@asynccontextmanager
async def _others_spend(stack: Stack) -> AsyncIterator[None]:
    """Two users with a tab each, whose debits go on: what an operator sees is never quiet."""

    async def spend(user: str) -> None:
        await stack.open_account(user, "USD")
        await stack.add_credits(user, "900.00")
        async with Tab(stack.gateway_url, lambda: stack.token(user)):
            while True:
                await stack.debit(user, "0.35", reason="WhatsApp verification")
                await asyncio.sleep(random.expovariate(10))

    spending = [asyncio.create_task(spend(user)) for user in OTHERS]
    try:
        yield
    finally:
        for task in spending:
            task.cancel()
        await asyncio.gather(*spending, return_exceptions=True)


async def _picture_operations(stack: Stack, beside: Page, sessions: int, into: Path) -> None:
    await park(stack)
    at_desk: Pages = {}
    browser = beside.context.browser or sys.exit("the page has no browser")
    for theme in THEMES:
        page = await browser.new_page(
            viewport={"width": OPS_WIDTH_PX, "height": 1240}, color_scheme=theme, reduced_motion="reduce"
        )
        await open_ops(stack, page)
        await expect_told(page)
        await expect(panel(page, "Parked and dead").get_by_role("listitem").first).to_be_visible()
        await expect(tile(page, "Parked")).to_have_text("1", timeout=30_000)
        await expect(page.locator(".line.p50").first).to_have_attribute("d", A_MINUTE, timeout=120_000)
        await _fit(page)
        await _keep(page, into / f"ops-{theme}.png")
        at_desk[theme] = page
    transfer = await stack.debit(USER, "0.40", reason="Number rental")
    for name, page in at_desk.items():
        await until_told(page, transfer, f"acknowledged by {sessions} sessions")
        await page.mouse.move(0, 0)
        await _keep(page, into / f"ops-timeline-{name}.png", panel(page, "What happened to"))
    await _picture_evidence(stack, browser, transfer, into)


async def _fit(page: Page) -> None:
    """As high as what is on it."""
    await expect(panel(page, "Unusual activity").get_by_role("listitem").first).to_be_visible()
    height = await page.evaluate("() => document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": OPS_WIDTH_PX, "height": height})


async def _picture_evidence(stack: Stack, browser: Browser, transfer: str, into: Path) -> None:
    settings = OperatorSettings(
        gateway_url=stack.gateway_url, operator_token=stack.token("olga", ("operator",))
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evidence.jsonl"

        async def sealed() -> bool:
            bundle = await asyncio.to_thread(export, settings, USER, UUID(transfer), file)
            return bundle.cover is not None and not bundle.unsealed

        await until(sealed, within_seconds=60, every_seconds=1)
        for theme in THEMES:
            page = await browser.new_page(
                viewport={"width": 1000, "height": 900}, color_scheme=theme, reduced_motion="reduce"
            )
            await page.goto(page_file(file).as_uri())
            await _keep(page, into / f"evidence-{theme}.png", page.locator("body"))


async def _keep(page: Page, file: Path, part: Locator | None = None) -> None:
    """With a palette, which is a third of the size; ``part`` is kept with a margin."""
    if part is None:
        shot = await page.screenshot()
    else:
        clip: FloatRect = await part.evaluate(ON_ITS_PAGE, MARGIN_PX)
        shot = await page.screenshot(full_page=True, clip=clip)
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    # By coverage a badge keeps its colour, small as it is.
    colours = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    colours.save(file, optimize=True)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(make(folder))
