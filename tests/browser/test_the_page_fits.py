"""The page in both themes, wide and on a phone: nothing sticks out, and a picture of each is kept."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from ledgerbell.providers import Providers
from ledgerbell.stack import Stack
from tests.browser.hands import (
    ask_back,
    bell,
    expect_live,
    get_a_number,
    look_at,
    paid_top_up,
    reference_of,
    toasts,
)

OpenTab = Callable[[str], Awaitable[Page]]
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


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

        assert await page.evaluate(OVERFLOW) <= 0
        for part in await page.locator(
            "ledgerbell-history article, ledgerbell-balance [part=balance], .toast"
        ).all():
            assert await part.evaluate("part => part.scrollWidth - part.clientWidth") <= 0


async def test_everything_has_a_name_and_fits_on_a_phone(
    stack: Stack, owner: str, open_tab: OpenTab, providers: Providers
) -> None:
    phone = await open_tab(owner)
    await phone.set_viewport_size({"width": 360, "height": 740})
    payment = await paid_top_up(phone, "9999.99")
    await expect_sound(phone)
    await payment.get_by_role("button", name="Refund to card").click()
    await expect_sound(phone)
    verification = await get_a_number(phone, "WhatsApp")
    await expect_sound(phone)
    await providers.send_sms(await reference_of(verification), "483920")
    await ask_back(verification, "Ask for a refund", "a-reason-without-any-place-to-break-" * 5)
    await expect(verification.get_by_role("link", name="Refund REF-")).to_be_visible()
    await expect_sound(phone)
    for name in ("Payments", "Refunds", "Statement"):
        await look_at(phone, name)
        await expect(phone.get_by_role("tabpanel", name=name).get_by_role("listitem").first).to_be_visible()
        heads = phone.get_by_role("tabpanel", name=name).get_by_role("button", expanded=False)
        await heads.evaluate_all("heads => heads.forEach((head) => head.click())")
        await expect_sound(phone)
    for name in ("Top up", "Get a code"):
        await phone.get_by_role("button", name=name, exact=True, expanded=False).click()
        await expect_sound(phone)


async def expect_sound(tab: Page) -> None:
    """Nothing sticks out sideways, and whatever can be used says what it is."""
    assert await tab.evaluate(OVERFLOW) <= 0
    for part in await tab.locator("button:visible, a:visible, input:visible, select:visible").all():
        await expect(part).to_have_accessible_name(re.compile(r"\w"))
