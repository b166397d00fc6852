"""Two lines in a page of another site: its bell rings, if the gateway knows the site and that its user."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.meddler import SOCKET
from tests.browser.shop import Shop
from tests.conftest import Neighbour

STATE = "() => ({ ...document.querySelector('ledgerbell-bell').client.state })"


@pytest.fixture
def shop(stack: Stack, neighbour: Neighbour) -> Shop:
    shop = neighbour.shop
    shop.gateway_url, shop.token_of, shop.asked = stack.gateway_url, stack.token, 0
    return shop


async def expect_unread(page: Page, count: int) -> None:
    bell = page.get_by_role("button", name=f"Notifications, {count} unread", exact=True)
    await expect(bell).to_be_visible(timeout=15_000)


async def until_on(page: Page, transport: str) -> None:
    async def there() -> bool:
        return bool((await page.evaluate(STATE))["transport"] == transport)

    await until(there)


async def test_the_bell_rings_in_a_page_of_another_site(
    stack: Stack, owner: str, neighbour: Neighbour, shop: Shop, profile: BrowserContext
) -> None:
    page = await profile.new_page()
    await page.goto(f"{neighbour.url}/sign-in/{owner}")
    await expect_unread(page, 1)

    await stack.debit(owner, "2.50", reason="WhatsApp verification")
    await expect_unread(page, 2)
    await page.get_by_role("button", name="Notifications, 2 unread").click()
    panel = page.get_by_role("dialog", name="Notifications")
    await expect(panel.get_by_role("article")).to_have_count(2)
    await expect(panel.get_by_role("article").first).to_contain_text("$2.50 for WhatsApp verification")
    await panel.get_by_role("button", name="Mark all as read").click()
    await expect_unread(page, 0)

    await page.reload()
    await until_on(page, "ws")
    await expect_unread(page, 0)
    assert [item["read"] for item in (await page.evaluate(STATE))["items"]] == [True, True]


async def test_the_tabs_of_another_site_share_a_line_too(
    stack: Stack, owner: str, neighbour: Neighbour, shop: Shop, profile: BrowserContext
) -> None:
    tabs = [await profile.new_page(), await profile.new_page()]
    for tab in tabs:
        await tab.goto(f"{neighbour.url}/sign-in/{owner}")
        await expect_unread(tab, 1)

    async def one_leads() -> bool:
        return sorted([(await tab.evaluate(STATE))["transport"] for tab in tabs]) == ["tab", "ws"]

    await until(one_leads)
    await stack.debit(owner, "2.50", reason="for both")
    for tab in tabs:
        await expect_unread(tab, 2)


async def test_another_site_polls_where_sockets_are_refused(
    stack: Stack, owner: str, neighbour: Neighbour, shop: Shop, profile: BrowserContext
) -> None:
    page = await profile.new_page()
    await page.route_web_socket(SOCKET, lambda socket: socket.close(code=1013))
    await page.goto(f"{neighbour.url}/sign-in/{owner}")
    await until_on(page, "poll")
    await stack.debit(owner, "2.50", reason="by polling")
    await expect_unread(page, 2)


@pytest.mark.usefixtures("origin_is_refused")
async def test_a_page_that_is_not_on_the_list_is_refused_and_says_why(
    stack: Stack, owner: str, neighbour: Neighbour, shop: Shop, profile: BrowserContext
) -> None:
    stranger = neighbour.url.replace("127.0.0.1", "localhost")
    page = await profile.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(f"{stranger}/sign-in/{owner}")
    await page.goto(f"{stranger}/status")

    await expect(page.get_by_text("Stopped. This site is not allowed to connect.")).to_be_visible()
    await expect_unread(page, 0)
    state = await page.evaluate(STATE)
    assert (state["status"], state["problem"]["code"]) == ("refused", "origin_refused")
    assert (state["items"], state["balances"]) == ([], [])
    reason = f"Ledgerbell: {stranger} is not on the list of origins of {stack.gateway_url}"
    assert any(text.startswith(reason) for text in said)


@pytest.mark.usefixtures("refusals_are_logged")
async def test_who_is_not_signed_in_at_the_site_is_asked_for_once(
    neighbour: Neighbour, shop: Shop, profile: BrowserContext
) -> None:
    page = await profile.new_page()
    await page.clock.install()
    await page.goto(f"{neighbour.url}/status")

    await expect(page.get_by_text("Stopped. Please sign in again.")).to_be_visible()
    await expect_unread(page, 0)
    await page.clock.fast_forward("10:00")
    await page.evaluate("() => dispatchEvent(new Event('online'))")
    assert (await page.evaluate(STATE))["problem"]["code"] == "unauthorised"
    assert shop.asked == 1


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_a_site_that_does_not_answer_for_a_moment_is_asked_again(
    owner: str, neighbour: Neighbour, shop: Shop, profile: BrowserContext
) -> None:
    page = await profile.new_page()
    await page.route(re.compile("/ledgerbell-token$"), lambda route: route.abort(), times=2)

    await page.goto(f"{neighbour.url}/sign-in/{owner}")

    await until_on(page, "ws")
    await expect_unread(page, 1)
    assert shop.asked == 1
