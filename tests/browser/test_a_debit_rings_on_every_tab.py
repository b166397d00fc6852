"""In a real browser: a movement of money reaches every open tab of its owner, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Error, Page, expect

from ledgerbell.stack import Stack

OpenTab = Callable[[str], Awaitable[Page]]


async def live(*tabs: Page) -> None:
    for tab in tabs:
        await expect(tab.locator("#status")).to_have_text("Live")


async def expect_unread(tab: Page, count: int) -> None:
    await expect(tab.locator("#bell")).to_have_accessible_name(f"Notifications, {count} unread")
    await expect(tab).to_have_title(f"({count}) Ledgerbell" if count else "Ledgerbell")
    await expect(tab.locator("#badge")).to_have_text(str(count))
    await expect(tab.locator("#badge")).to_be_visible(visible=count > 0)


async def seqs_shown(tab: Page) -> list[int]:
    """The sequence numbers of the list, oldest first."""
    rows = "rows => rows.map(row => Number(row.dataset.seq)).reverse()"
    shown: list[int] = await tab.locator("#list article").evaluate_all(rows)
    return shown


async def test_a_debit_appears_in_both_tabs_of_its_owner_and_in_nobody_elses(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    stranger = f"{owner}-stranger"
    await stack.open_account(stranger, "USD")
    await stack.add_credits(stranger, "5.00")
    mine = [await open_tab(owner), await open_tab(owner)]
    theirs = await open_tab(stranger)
    await live(*mine, theirs)
    for tab in (*mine, theirs):
        await expect_unread(tab, 1)

    await stack.debit(owner, "2.50", reason="WhatsApp verification")

    for tab in mine:
        newest = tab.locator("#list article").first
        await expect(newest.locator("h3")).to_have_text("Unread: Credits Deducted")
        await expect(newest.locator(".body")).to_contain_text("$2.50 for WhatsApp verification")
        await expect(newest.locator(".amount")).to_have_text("−$2.50")
        await expect(newest.locator("time")).to_have_text("just now")
        await expect(tab.locator(".toast")).to_contain_text("Credits Deducted")
        await expect(tab.locator("#say-now")).to_contain_text("$2.50 for WhatsApp verification")
        await expect(tab.locator(".balance-amount")).to_have_text("$7.50")
        await expect_unread(tab, 2)
    await expect_unread(theirs, 1)
    await expect(theirs.locator(".balance-amount")).to_have_text("$5.00")
    assert await seqs_shown(theirs) == [1]
    assert await theirs.get_by_text("Credits Deducted").count() == 0


async def test_reading_in_one_tab_clears_it_in_the_other(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    here, there = await open_tab(owner), await open_tab(owner)
    await live(here, there)
    await stack.debit(owner, "2.50", reason="WhatsApp verification")
    await expect_unread(here, 2)

    await here.locator("#list article").first.click()

    await expect_unread(there, 1)
    await expect_unread(here, 1)
    await expect(there.locator("#list article").first).not_to_have_class("row unread")
    await expect(there.locator(".toast")).to_have_count(0)

    await there.get_by_role("button", name="Mark all as read").click()

    await expect_unread(here, 0)
    await expect_unread(there, 0)
    await expect(here.locator("article.unread")).to_have_count(0)


async def test_a_reload_keeps_everything_and_pops_nothing_up_again(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    tab = await open_tab(owner)
    await live(tab)
    await stack.debit(owner, "2.50", reason="WhatsApp verification")
    await tab.locator("#list article", has_text="Credits Added").click()
    await expect_unread(tab, 1)

    await tab.reload()

    await live(tab)
    await expect_unread(tab, 1)
    assert await seqs_shown(tab) == [1, 2]
    await expect(tab.locator("article.unread h3")).to_have_text("Unread: Credits Deducted")
    await expect(tab.locator(".balance-amount")).to_have_text("$7.50")
    assert await tab.locator(".toast").count() == 0


async def test_the_token_leaves_the_address_bar(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await live(tab)

    assert tab.url == f"{stack.gateway_url}/"


async def test_without_a_token_the_page_asks_for_one(
    stack: Stack, owner: str, blank_tab: Callable[[], Awaitable[Page]]
) -> None:
    tab = await blank_tab()
    await tab.goto(f"{stack.gateway_url}/")

    await tab.get_by_label("Access token").fill(stack.token(owner))
    await tab.get_by_role("button", name="Open").click()

    await live(tab)
    await expect_unread(tab, 1)


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_a_restarted_gateway_leaves_no_hole_and_no_double(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    tabs = [await open_tab(owner), await open_tab(owner)]
    await live(*tabs)
    await stack.debit(owner, "1.00", reason="before")

    await stack.supervisor.stop("ws-gateway")
    for tab in tabs:
        await expect(tab.locator("#status")).to_have_text("Connection lost, reconnecting…")
    await stack.supervisor.start("ws-gateway")
    await stack.debit(owner, "1.00", reason="after")

    for tab in tabs:
        await expect(tab.locator("#status")).to_have_text("Live", timeout=40_000)
        await expect(tab.locator("#list article")).to_have_count(3)
        assert await seqs_shown(tab) == [1, 2, 3]
        await expect_unread(tab, 3)
        await expect(tab.locator(".balance-amount")).to_have_text("$8.00")


async def test_hostile_text_stays_text(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    hostile = "<img src=x onerror=\"window.violations.push('ran')\">"
    tab = await open_tab(owner)
    await live(tab)

    await stack.debit(owner, "2.50", reason=hostile)

    await expect(tab.locator("#list .body").first).to_contain_text(hostile)
    await expect(tab.locator(".toast .body")).to_contain_text(hostile)
    assert await tab.locator("img").count() == 0


async def test_bell_and_list_work_from_the_keyboard(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await live(tab)
    await stack.debit(owner, "2.50", reason="WhatsApp verification")
    await expect_unread(tab, 2)
    rows = tab.locator("#list article")
    await tab.keyboard.press("Tab")  # the skip link
    await tab.keyboard.press("Tab")
    await expect(tab.locator("#bell")).to_be_focused()

    await tab.keyboard.press("Enter")
    await expect(rows.nth(0)).to_be_focused()
    await tab.keyboard.press("ArrowDown")
    await expect(rows.nth(1)).to_be_focused()
    await tab.keyboard.press("Enter")
    await expect_unread(tab, 1)
    await tab.keyboard.press("Home")
    await tab.keyboard.press("Tab")
    await expect(rows.nth(0).get_by_role("button", name="Mark as read: Credits Deducted")).to_be_focused()
    await tab.keyboard.press("Enter")

    await expect_unread(tab, 0)
    await expect(rows.nth(0)).to_be_focused()


async def test_three_toasts_are_shown_and_the_critical_ones_wait(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    tab = await open_tab(owner)
    await live(tab)

    for reason in ("first", "second", "third", "fourth"):
        await stack.debit(owner, "1.00", reason=reason)

    await expect(tab.locator("#toast-more")).to_have_text("1 more")
    shown = tab.locator(".toast:visible")
    await expect(shown).to_have_count(3)
    await expect(shown.first).to_contain_text("fourth")
    await tab.get_by_role("button", name="Dismiss: Credits Deducted").first.click()
    await expect(shown.last).to_contain_text("first")
    await tab.get_by_role("button", name="Dismiss all").click()
    await expect(shown).to_have_count(0)
    await expect_unread(tab, 5)


async def test_a_long_history_is_counted_truly_and_read_page_by_page(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    await asyncio.gather(*(stack.debit(owner, "0.01", reason=f"number {n}") for n in range(119)))
    tab = await open_tab(owner)
    await expect(tab.locator("#bell")).to_have_accessible_name("Notifications, 120 unread", timeout=20_000)
    await tab.reload()
    await expect(tab.locator("#bell")).to_have_accessible_name("Notifications, 120 unread")
    await expect(tab.locator("#badge")).to_have_text("99+")
    box = await tab.locator("#badge").bounding_box()
    assert box is not None
    assert box["height"] < 30, "the count stands on one line"
    await expect(tab).to_have_title("(99+) Ledgerbell")
    await expect(tab.locator("#list article")).to_have_count(50)

    older = tab.get_by_role("button", name="Show older")
    await older.click()
    await expect(tab.locator("#list article")).to_have_count(100)
    await older.click()
    await expect(tab.locator("#list article")).to_have_count(120)

    await expect(older).to_be_hidden()
    assert await seqs_shown(tab) == list(range(1, 121))


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_a_reading_that_fails_is_taken_back(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await live(tab)
    await tab.route("**/read", lambda route: route.abort())

    await tab.locator("#list article").first.click()

    await expect(tab.locator("#status")).to_contain_text("could not be marked as read")
    await expect_unread(tab, 1)
    await expect(tab.locator("article.unread")).to_have_count(1)


async def test_the_browser_itself_forbids_markup_made_of_text(
    stack: Stack, owner: str, chromium: Browser
) -> None:
    async with await chromium.new_context() as context:
        tab = await context.new_page()
        await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")

        with pytest.raises(Error, match="TrustedHTML"):
            await tab.evaluate("() => { document.body.innerHTML = '<b>markup</b>'; }")
