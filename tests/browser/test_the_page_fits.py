"""The page in both themes, wide and on a phone: nothing sticks out, and a picture of each is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from ledgerbell.stack import Stack
from tests.browser.hands import bell, expect_live, toasts


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("shape", "width", "height"), [("wide", 1280, 860), ("phone", 360, 740)])
async def test_the_page_fits(
    stack: Stack,
    user: str,
    chromium: Browser,
    tmp_path: Path,
    theme: Literal["light", "dark"],
    shape: str,
    width: int,
    height: int,
) -> None:
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "12345678901.23")
    await stack.debit(user, "2.50", reason="WhatsApp verification")
    async with await chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    ) as context:
        page = await context.new_page()
        await page.goto(f"{stack.gateway_url}/#token={stack.token(user)}")
        await expect_live(page)
        await expect(bell(page)).to_have_accessible_name("Notifications, 2 unread")
        await page.get_by_role("article").last.click()
        await stack.debit(user, "12345678890.00", reason="a-reference-without-any-place-to-break-" * 3)
        await expect(toasts(page).filter(has_text="a-reference")).to_be_visible()

        await page.screenshot(path=tmp_path / f"{shape}-{theme}.png")

        overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) <= 0
        for part in await page.locator(
            "ledgerbell-history article, ledgerbell-balance [part=balance], .toast"
        ).all():
            assert await part.evaluate("part => part.scrollWidth - part.clientWidth") <= 0
