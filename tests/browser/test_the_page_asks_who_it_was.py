"""In a real browser: unusual activity is shown where it rings, with its two answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Locator, Page, expect

from ledgerbell.stack import Stack
from tests.browser.hands import SEEN, debit_in_a_burst, expect_live, toasts

ONE = re.compile("/v1/activity/[^/]+$")
OPEN_ONES = re.compile(r"/v1/activity\?.*state=open")


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
    await debit_in_a_burst(watched, user)
    row = tab.get_by_role("region", name="Unusual activity").get_by_role("listitem")
    await expect(row).to_contain_text(SEEN)
    await expect(toasts(tab).filter(has_text="Unusual Activity")).to_have_count(1)
    return row


async def test_this_was_me_is_said_with_one_click(watched: Stack, user: str, tab: Page) -> None:
    await expect(tab.get_by_role("region", name="Unusual activity")).to_be_hidden()
    row = await asked(watched, user, tab)
    place = await row.get_by_role("button", name="Not me").bounding_box()

    await row.get_by_role("button", name="This was me").click()

    await expect(row).to_contain_text("This was you")
    await expect(row.get_by_role("button", name="This was me")).to_be_hidden()
    # Where nobody's second click lands on it.
    assert await row.get_by_role("button", name="Not me").bounding_box() == place
    assert await watched.debit(user, "0.16")


async def test_what_was_not_answered_is_asked_again_on_the_next_load_and_not_once_it_was(
    watched: Stack, user: str, tab: Page
) -> None:
    activity = tab.get_by_role("region", name="Unusual activity")
    row = await asked(watched, user, tab)
    await tab.reload()
    await row.get_by_role("button", name="This was me").click()
    await expect(row).to_contain_text("This was you")

    async with tab.expect_response(OPEN_ONES) as answered:
        await tab.reload()
    assert (await (await answered.value).json())["items"] == []
    await expect_live(tab)
    await expect(
        tab.locator("ledgerbell-history").get_by_role("link", name="Unusual Activity")
    ).to_be_visible()
    await expect(activity).to_be_hidden()


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_what_was_not_answered_is_looked_for_until_it_can_be_had(
    watched: Stack, user: str, tab: Page
) -> None:
    row = await asked(watched, user, tab)
    await tab.route(OPEN_ONES, lambda route: route.abort())
    async with tab.expect_event("requestfailed", lambda request: OPEN_ONES.search(request.url) is not None):
        await tab.reload()
    await expect(tab.get_by_role("region", name="Unusual activity")).to_be_hidden()

    await tab.unroute(OPEN_ONES)
    await expect(row).to_contain_text(SEEN, timeout=15_000)


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


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_what_cannot_be_had_is_said_and_asked_for_again_and_an_answer_shows_by_itself(
    watched: Stack, user: str, tab: Page
) -> None:
    activity = tab.get_by_role("region", name="Unusual activity")
    row = activity.get_by_role("listitem")
    await tab.route(ONE, lambda route: route.abort())
    await debit_in_a_burst(watched, user)
    await expect(activity).to_contain_text("The server cannot be reached. Try again in a moment.")

    await tab.unroute(ONE)
    await expect(row).to_contain_text(SEEN, timeout=15_000)
    await expect(activity).not_to_contain_text("cannot be reached")

    await tab.route(ONE, lambda route: route.abort())
    await row.get_by_role("button", name="This was me").click()
    await expect(row).to_contain_text("This was you")
