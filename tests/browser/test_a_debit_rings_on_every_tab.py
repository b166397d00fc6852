"""In a real browser: a movement of money reaches every open tab of its owner, and nobody else's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Error, Locator, Page, ViewportSize, expect

from ledgerbell.demo import Place, play
from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.testing.waiting import until
from tests.browser.hands import bell, expect_balance, expect_live, expect_rung, toasts
from tests.test_catalogue import flag

OpenTab = Callable[[str], Awaitable[Page]]
NewProfile = Callable[[], Awaitable[BrowserContext]]

# What pops up is gone by the time all has come, so it is written down when it does.
WRITE_DOWN = """() => {
    window.popped = [];
    const { client } = document.querySelector('ledgerbell-toaster');
    client.addEventListener('toast', ({ detail }) => window.popped.push(detail.seq));
}"""
SEQS = "(rows) => rows.map((row) => Number(row.dataset.seq)).reverse()"
TEXTS = """(rows) => rows.map((row) => {
    const parts = ['.icon', 'h4 > span[lang]', '[part=body]'];
    return parts.map((part) => row.querySelector(part).textContent).join(' ');
}).reverse()"""
TALL: ViewportSize = {"width": 1100, "height": 6000}


def rows(tab: Page) -> Locator:
    return tab.locator("ledgerbell-history").get_by_role("article")


def panel(tab: Page) -> Locator:
    return tab.get_by_role("dialog", name="Notifications")


def unread_rows(tab: Page) -> Locator:
    return tab.locator("ledgerbell-history").get_by_role("heading", name=re.compile("^Unread: "))


async def expect_unread(tab: Page, count: int) -> None:
    await expect(bell(tab)).to_have_accessible_name(f"Notifications, {count} unread")
    await expect(tab).to_have_title(f"({count}) Ledgerbell" if count else "Ledgerbell")
    badge = tab.locator("ledgerbell-bell [part=badge]")
    await expect(badge).to_have_text(str(count))
    await expect(badge).to_be_visible(visible=count > 0)


async def seqs_shown(tab: Page) -> list[int]:
    """The sequence numbers of the history, oldest first."""
    shown: list[int] = await rows(tab).evaluate_all(SEQS)
    return shown


async def open_in(profile: BrowserContext, stack: Stack, user_id: str) -> Page:
    page = await profile.new_page()
    await page.goto(f"{stack.gateway_url}/#token={stack.token(user_id)}")
    await expect_live(page)
    return page


async def sign_in_to(profile: BrowserContext, stack: Stack, user_id: str) -> Page:
    """By name, as in a demo."""
    page = await profile.new_page()
    await page.goto(stack.gateway_url)
    await page.get_by_label("Name").fill(user_id)
    await page.get_by_role("button", name="Sign in").click()
    await expect_live(page)
    return page


async def popped_up(tabs: Sequence[Page], count: int) -> list[int]:
    """Waits for so many; all of them, in whichever of the tabs."""
    popped: list[int] = []

    async def enough() -> bool:
        popped[:] = [seq for tab in tabs for seq in await tab.evaluate("() => window.popped")]
        return len(popped) >= count

    await until(enough)
    return popped


# ---------------------------------------------------------------------- who hears what


@pytest.mark.usefixtures("refusals_are_logged")  # They have no account yet.
async def test_all_kinds_reach_each_tab_of_their_owner_once_and_nobody_elses(
    stack: Stack, user: str, tab_of: Callable[[str], Tab], new_profile: NewProfile
) -> None:
    stranger = f"{user}-stranger"
    await stack.open_account(stranger, "USD")
    await stack.add_credits(stranger, "5.00")
    here, there = await new_profile(), await new_profile()
    tabs = [await sign_in_to(here, stack, user) for _ in range(3)]
    theirs = await open_in(there, stack, stranger)
    for tab in (*tabs, theirs):
        await tab.set_viewport_size(TALL)  # So that all rows are near enough to be there.
        await tab.evaluate(WRITE_DOWN)
    place = Place(
        stack.gateway_url, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
    )

    async with tab_of(user) as told:
        assert (await play(place, stack.token, lambda _: None, user)).good
        await flag(stack, user)
        await told.until(lambda: told.received[-1].frame["kind"] == "activity.flagged")

    frames = [received.frame for received in told.received]
    assert (
        len({frame["kind"] for frame in frames}) == 15
    )  # The sixteenth row is a refund that comes by itself.
    for tab in tabs:
        await expect(rows(tab)).to_have_count(len(frames))
        assert await rows(tab).evaluate_all(TEXTS) == [words_of(frame) for frame in frames]
        assert await seqs_shown(tab) == told.seqs
        await expect_unread(tab, len(frames))
    due = [frame["seq"] for frame in frames if frame["toast"]]
    assert await popped_up(tabs, len(due)) == due
    await expect_unread(theirs, 1)
    assert await seqs_shown(theirs) == [1]
    assert await popped_up([theirs], 0) == []


def words_of(frame: dict[str, Any]) -> str:
    return f"{frame['icon']} {frame['title']} {frame['body']}"


async def test_a_debit_appears_in_both_tabs_of_its_owner_and_in_nobody_elses(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    stranger = f"{owner}-stranger"
    await stack.open_account(stranger, "USD")
    await stack.add_credits(stranger, "5.00")
    here, there = await new_profile(), await new_profile()
    mine = [await open_in(here, stack, owner), await open_in(here, stack, owner)]
    theirs = await open_in(there, stack, stranger)
    for tab in (*mine, theirs):
        await expect_unread(tab, 1)

    await stack.debit(owner, "2.50", reason="WhatsApp verification")

    await expect_rung("Credits Deducted", 2, *mine)
    for tab in mine:
        newest = rows(tab).first
        await expect(newest.get_by_role("heading", level=4)).to_have_text("Unread: Credits Deducted")
        await expect(newest.locator("[part=body]")).to_contain_text("$2.50 for WhatsApp verification")
        await expect(newest.locator("[part=amount]")).to_have_text("−$2.50")
        await expect_balance("$7.50", tab)
        await expect_unread(tab, 2)
    [pops_up] = [tab for tab in mine if await toasts(tab).count()]
    await expect(pops_up.get_by_role("alert")).to_contain_text(["$2.50 for WhatsApp verification"])
    await bell(pops_up).click()
    await expect(panel(pops_up).get_by_role("article").first.locator("time")).to_have_text("just now")
    await expect_unread(theirs, 1)
    await expect_balance("$5.00", theirs)
    assert await seqs_shown(theirs) == [1]
    assert await theirs.get_by_text("Credits Deducted").count() == 0


async def test_reading_one_and_all_in_one_tab_reaches_every_tab_and_the_other_browser(
    stack: Stack, owner: str, new_profile: NewProfile
) -> None:
    profile = await new_profile()
    here, beside = await open_in(profile, stack, owner), await open_in(profile, stack, owner)
    elsewhere = await sign_in_to(await new_profile(), stack, owner)
    tabs = [here, beside, elsewhere]
    await stack.debit(owner, "2.50", reason="WhatsApp verification")
    for tab in tabs:
        await expect_unread(tab, 2)

    await bell(here).click()
    await panel(here).get_by_role("article").filter(has_text="Credits Deducted").click()

    for tab in tabs:
        await expect_unread(tab, 1)
        await expect(unread_rows(tab)).to_have_text(["Unread: Credits Added"])
        await expect(toasts(tab)).to_have_count(0)

    await bell(elsewhere).click()
    await panel(elsewhere).get_by_role("button", name="Mark all as read").click()

    for tab in tabs:
        await expect_unread(tab, 0)
        await expect(unread_rows(tab)).to_have_count(0)


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_a_reading_that_fails_is_taken_back(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)
    await tab.route("**/read", lambda route: route.abort())

    await rows(tab).first.click()

    await expect(tab.get_by_text("This could not be marked as read. Please try again.")).to_be_visible()
    await expect_unread(tab, 1)
    await expect(unread_rows(tab)).to_have_count(1)


# ---------------------------------------------------------------------- what lasts


async def test_a_reload_keeps_everything_and_pops_nothing_up_again(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)
    await stack.debit(owner, "2.50", reason="WhatsApp verification")
    await rows(tab).filter(has_text="Credits Added").click()
    await expect_unread(tab, 1)

    await tab.reload()
    await expect_live(tab)
    await tab.evaluate(WRITE_DOWN)

    await expect_unread(tab, 1)
    await expect(rows(tab)).to_have_count(2)
    assert await seqs_shown(tab) == [1, 2]
    await expect(unread_rows(tab)).to_have_text(["Unread: Credits Deducted"])
    await expect_balance("$7.50", tab)
    await stack.debit(owner, "0.50", reason="the only one that is new")
    assert await popped_up([tab], 1) == [3]


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_a_restarted_gateway_leaves_no_hole_and_no_double(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    tabs = [await open_tab(owner), await open_tab(owner)]
    await expect_live(*tabs)
    for tab in tabs:
        await tab.evaluate(WRITE_DOWN)
    await stack.debit(owner, "1.00", reason="before")

    await stack.supervisor.stop("ws-gateway")
    for tab in tabs:
        await expect(tab.locator("ledgerbell-status")).to_have_text("Connection lost, reconnecting…")
    await stack.supervisor.start("ws-gateway")
    await stack.debit(owner, "1.00", reason="after")

    for tab in tabs:
        await expect(tab.locator("ledgerbell-status")).to_have_text("Live", timeout=40_000)
        await expect(rows(tab)).to_have_count(3)
        assert await seqs_shown(tab) == [1, 2, 3]
        await expect_unread(tab, 3)
        await expect_balance("$8.00", tab)
    assert await popped_up(tabs, 2) == [2, 3]


async def test_the_token_leaves_the_address_bar(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)

    assert tab.url == f"{stack.gateway_url}/"


# ---------------------------------------------------------------------- how it is shown


async def test_hostile_text_stays_text(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    hostile = "<img src=x onerror=\"window.violations.push('ran')\">${alert(1)}"
    tab = await open_tab(owner)
    await expect_live(tab)

    await stack.debit(owner, "2.50", reason=hostile)

    await expect(rows(tab).first.locator("[part=body]")).to_contain_text(hostile)
    await expect(toasts(tab)).to_contain_text([hostile])
    await expect(tab.get_by_role("alert").filter(has_text=hostile)).to_have_count(1)
    await bell(tab).click()
    await expect(panel(tab).get_by_role("article").first).to_contain_text(hostile)
    assert await tab.locator("img:not(.logo)").count() == 0


async def test_bell_and_panel_work_from_the_keyboard(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)
    for reason in ("first", "second"):
        await stack.debit(owner, "2.50", reason=reason)
    await expect_unread(tab, 3)
    listed = panel(tab).get_by_role("article")
    for control in ("link", "button"):
        await tab.keyboard.press("Tab")
        await expect(tab.locator(":focus")).to_have_role(control)  # The skip link, and the menu.
    await tab.keyboard.press("Tab")
    await expect(bell(tab)).to_be_focused()

    await tab.keyboard.press("Enter")
    await expect(listed.nth(0)).to_be_focused()
    await tab.keyboard.press("ArrowDown")
    await expect(listed.nth(1)).to_be_focused()
    await tab.keyboard.press("Enter")
    await expect_unread(tab, 2)
    await tab.keyboard.press("End")
    await expect(listed.nth(2)).to_be_focused()
    await tab.keyboard.press("ArrowUp")
    await tab.keyboard.press("Home")
    await expect(listed.nth(0)).to_be_focused()
    await tab.keyboard.press("Tab")
    await expect(listed.nth(0).get_by_role("button", name="Mark as read: Credits Deducted")).to_be_focused()
    await tab.keyboard.press("Enter")
    await expect_unread(tab, 1)
    await expect(listed.nth(0)).to_be_focused()
    await tab.keyboard.press("Escape")
    await expect(panel(tab)).to_be_hidden()
    await expect(bell(tab)).to_be_focused()


async def test_three_toasts_are_shown_and_the_critical_ones_wait(
    stack: Stack, owner: str, open_tab: OpenTab
) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)

    for reason in ("first", "second", "third", "fourth"):
        await stack.debit(owner, "1.00", reason=reason)

    await expect(tab.get_by_text("1 more", exact=True)).to_be_visible()
    await expect(toasts(tab)).to_have_count(3)
    await expect(toasts(tab).first).to_contain_text("fourth")
    await tab.get_by_role("button", name="Dismiss: Credits Deducted").first.click()
    await expect(toasts(tab).last).to_contain_text("first")
    await tab.get_by_role("button", name="Dismiss all").click()
    await expect(toasts(tab)).to_have_count(0)
    await expect_unread(tab, 5)


async def test_other_toasts_leave_after_a_while_and_critical_ones_do_not(
    stack: Stack, owner: str, blank_tab: Callable[[], Awaitable[Page]]
) -> None:
    tab = await blank_tab()
    await tab.clock.install()
    await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
    await expect_live(tab)
    await stack.debit(owner, "1.00", reason="critical")
    await stack.add_credits(owner, "1.00")
    await expect(toasts(tab)).to_have_count(2)

    await tab.clock.fast_forward("01:00")

    await expect(toasts(tab).get_by_role("button")).to_contain_text(["Dismiss: Credits Deducted"])


async def test_many_are_counted_truly_and_fit_the_badge(stack: Stack, owner: str, open_tab: OpenTab) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)
    await asyncio.gather(*(stack.debit(owner, "0.01", reason=f"number {n}") for n in range(119)))

    await expect(bell(tab)).to_have_accessible_name("Notifications, 120 unread", timeout=20_000)
    badge = tab.locator("ledgerbell-bell [part=badge]")
    await expect(badge).to_have_text("99+")
    box = await badge.bounding_box()
    assert box is not None
    assert box["height"] < 30, "the count stands on one line"
    await expect(tab).to_have_title("(99+) Ledgerbell")
    await tab.reload()
    await expect_live(tab)
    await expect(bell(tab)).to_have_accessible_name("Notifications, 120 unread")


async def test_the_browser_itself_forbids_markup_made_of_text(
    stack: Stack, owner: str, chromium: Browser
) -> None:
    async with await chromium.new_context() as context:
        tab = await context.new_page()
        await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")

        with pytest.raises(Error, match="TrustedHTML"):
            await tab.evaluate("() => { document.body.innerHTML = '<b>markup</b>'; }")
