"""In a real browser: unusual activity is shown where it rings, with its two answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from ledgerbell.stack import Stack
from tests.browser.hands import expect_live, toasts

SEEN = "5 debits of $1.00 or less within 30 minutes"


@pytest.fixture
async def tab(watched: Stack, user: str, blank_tab: Callable[[], Awaitable[Page]]) -> Page:
    await watched.open_account(user, "USD")
    await watched.add_credits(user, "100.00")
    page = await blank_tab()
    await page.goto(f"{watched.gateway_url}/#token={watched.token(user)}")
    await expect_live(page)
    return page


async def asked(watched: Stack, user: str, tab: Page) -> Locator:
    """After a burst of small debits: the row that asks."""
    for cents in (11, 12, 13, 14, 15):
        await watched.debit(user, f"0.{cents}")
    row = tab.get_by_role("region", name="Unusual activity").get_by_role("listitem")
    await expect(row).to_contain_text(SEEN)
    await expect(toasts(tab).filter(has_text="Unusual Activity")).to_have_count(1)
    return row


async def test_this_was_me_is_said_with_one_click(watched: Stack, user: str, tab: Page) -> None:
    await expect(tab.get_by_role("region", name="Unusual activity")).to_be_hidden()
    row = await asked(watched, user, tab)

    await row.get_by_role("button", name="This was me").click()

    await expect(row).to_contain_text("This was you")
    await expect(row.get_by_role("button", name="This was me")).to_be_hidden()
    assert await watched.debit(user, "0.16")


async def test_not_me_says_that_spending_is_stopped_and_its_link_leads_there_again(
    watched: Stack, user: str, tab: Page
) -> None:
    row = await asked(watched, user, tab)

    await row.get_by_role("button", name="Not me").click()

    await expect(row).to_contain_text("Nothing can be spent until support has looked at the account")
    await expect(row.get_by_role("button", name="This was me")).to_be_hidden()
    await tab.reload()
    await expect_live(tab)
    await tab.locator("ledgerbell-history").get_by_role("link", name="Unusual Activity").click()
    await expect(row).to_contain_text("Not you")
