"""axe finds nothing wrong: in light and dark, in both languages, wide and on a phone, whatever is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from ledgerbell.customer import Customer
from ledgerbell.stack import Stack
from tests.browser import axe
from tests.browser.hands import SEEN, debit_in_a_burst

Theme = Literal["light", "dark"]

OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDE, PHONE = (1280, 860), (360, 740)
LOOKS = pytest.mark.parametrize(
    ("theme", "locale", "size"),
    [
        pytest.param("light", "en-US", WIDE, id="light"),
        pytest.param("dark", "en-US", WIDE, id="dark"),
        pytest.param("light", "de-DE", WIDE, id="german"),
        pytest.param("light", "en-US", PHONE, id="phone"),
        pytest.param("dark", "de-DE", PHONE, id="dark-german-phone"),
    ],
)


@asynccontextmanager
async def opened(chromium: Browser, theme: Theme, locale: str, size: tuple[int, int]) -> AsyncIterator[Page]:
    """An empty tab. What moves is half transparent for a moment, so nothing does."""
    async with await chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        locale=locale,
        reduced_motion="reduce",
    ) as profile:
        await axe.bring(profile)
        yield await profile.new_page()


async def with_records(stack: Stack, user_id: str) -> None:
    """A payment that waits, a verification that was paid, and its refund."""
    async with httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15) as gateway:
        customer = Customer(gateway, user_id, stack.token)
        payment = await customer.initialize_payment("10.00")
        await customer.request_verification("whatsapp")
        await customer.cancel("payments", payment["payment_id"])
        await customer.initialize_payment("25.00")


@LOOKS
async def test_signing_in_is_accessible(
    stack: Stack, chromium: Browser, theme: Theme, locale: str, size: tuple[int, int]
) -> None:
    async with opened(chromium, theme, locale, size) as page:
        await page.goto(stack.gateway_url)
        name = page.locator("#name")
        await expect(name).to_be_visible()
        assert await axe.violations(page) == []

        await name.fill("no name at all")
        await name.press("Enter")
        await expect(page.locator("#name-words")).not_to_be_empty()
        assert await axe.violations(page) == []


@LOOKS
async def test_the_wallet_is_accessible_whatever_is_open(
    stack: Stack, owner: str, chromium: Browser, theme: Theme, locale: str, size: tuple[int, int]
) -> None:
    await with_records(stack, owner)
    async with opened(chromium, theme, locale, size) as page:
        await page.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
        await expect(page.locator("ledgerbell-history").get_by_role("article").nth(3)).to_be_visible()
        for form in ("top-up", "verify"):
            await page.locator(f"#open-{form}").click()
            await expect(page.locator(f"#form-{form}").get_by_role("button").last).to_be_visible()
            assert await axe.violations(page) == []

        for kind in ("verifications", "payments", "refunds", "statement"):
            await page.locator(f"#tab-{kind}").click()
            records = page.locator(f"#panel-{kind}")
            await expect(records.locator(".record, .empty:visible").first).to_be_visible()
            closed = records.locator("[aria-expanded=false]:visible")
            for _ in range(await closed.count()):
                await closed.first.click()
            assert await axe.violations(page) == []

        await page.locator("[popovertarget=menu]").click()
        await expect(page.locator("#language")).to_be_visible()
        assert await axe.violations(page) == []


@LOOKS
async def test_unusual_activity_is_accessible_asked_and_answered(
    watched: Stack, user: str, chromium: Browser, theme: Theme, locale: str, size: tuple[int, int]
) -> None:
    await watched.open_account(user, "USD")
    await watched.add_credits(user, "100.00")
    async with opened(chromium, theme, locale, size) as page:
        await page.goto(f"{watched.gateway_url}/#token={watched.token(user)}")
        await expect(page.locator("ledgerbell-history").get_by_role("article")).to_have_count(1)
        await debit_in_a_burst(watched, user)
        row = page.locator("#activity").get_by_role("listitem")
        await expect(row).to_contain_text(SEEN)
        await expect(page.locator("ledgerbell-toaster .toast").filter(has_text=SEEN)).to_be_visible()
        assert await axe.violations(page) == []
        assert await page.evaluate(OVERFLOW) <= 0

        for answer, state in (("first", "confirmed"), ("last", "disputed")):
            await getattr(row.locator(".answer:visible"), answer).click()
            await expect(row).to_have_attribute("data-state", state)
            assert await axe.violations(page) == []
            assert await page.evaluate(OVERFLOW) <= 0


@LOOKS
async def test_panel_toast_and_history_are_accessible(
    stack: Stack, owner: str, chromium: Browser, theme: Theme, locale: str, size: tuple[int, int]
) -> None:
    async with opened(chromium, theme, locale, size) as page:
        await page.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
        history = page.locator("ledgerbell-history")
        await expect(history.get_by_role("article")).to_have_count(1)
        await page.locator("ledgerbell-bell .bell").click()
        panel = page.locator("ledgerbell-bell").get_by_role("dialog")
        for reason in ("one that pops up", "another"):
            await stack.debit(owner, "2.50", reason=reason)
        await expect(page.locator("ledgerbell-toaster .toast").first).to_be_visible()
        await expect(panel.get_by_role("article")).to_have_count(3)
        assert await axe.violations(page) == []

        await panel.get_by_role("article").last.click()
        await panel.locator("[part=filters] button").nth(2).click()
        await expect(panel.get_by_role("article")).to_have_count(1)
        assert await axe.violations(page) == []

        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await history.locator("[name=money]").select_option("out")
        await expect(history.get_by_role("article")).to_have_count(2)
        await history.locator("[name=until]").fill("2026-01-01")
        await history.locator("[name=unread]").check()
        await expect(history.locator("[part=empty]")).to_be_visible()
        assert await axe.violations(page) == []
