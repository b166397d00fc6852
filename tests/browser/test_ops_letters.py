"""In a real browser: an operator and what services could not handle, while more of it arrives."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from ledgerbell.stack import Stack
from shared.messaging import Message
from shared.messaging.topology import dead_queue
from shared.testing.deliveries import added, envelope_of
from shared.testing.waiting import until
from tests.browser.desk import OPERATOR, open_ops, panel, park, park_many, send

BlankTab = Callable[[], Awaitable[Page]]

LETTERS = "/v1/dead-letters/notifier"
# A look every five seconds, and events are on their way before.
SOON_MS = 30_000


def operator(stack: Stack) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {stack.token(OPERATOR, ('operator',))}"}
    return httpx.AsyncClient(base_url=stack.gateway_url, headers=headers, trust_env=False, timeout=15)


async def parked(http: httpx.AsyncClient) -> list[str]:
    """The newest hundred, newest first."""
    answer = await http.get(LETTERS, params={"limit": 100})
    return [letter["id"] for letter in answer.raise_for_status().json()["items"]]


@pytest.fixture(autouse=True)
async def _nothing_is_parked(stack: Stack) -> None:
    async with operator(stack) as http:
        while ids := await parked(http):
            for id_ in ids:
                await http.post(f"{LETTERS}/{id_}/discard", json={"reason": "Left by another test"})


async def until_parked(stack: Stack, ids: list[str]) -> list[str]:
    """All that is parked, newest first, once these are."""
    async with operator(stack) as http:

        async def found() -> list[str]:
            known = await parked(http)
            return known if set(ids) <= set(known) else []

        return await until(found)


def rows(page: Page) -> Locator:
    return panel(page, "Parked and dead").get_by_role("listitem")


def said(page: Page) -> Locator:
    return panel(page, "Parked and dead").get_by_role("status")


def group(page: Page) -> Locator:
    return panel(page, "Parked and dead").get_by_role("group", name="notifier", exact=True)


async def test_a_dead_letter_is_tried_again_and_discarded_with_a_reason_only(
    stack: Stack, blank_tab: BlankTab
) -> None:
    id_ = await park(stack)
    page = await blank_tab()
    await open_ops(stack, page)
    row = panel(page, "Parked and dead").get_by_role("listitem").filter(has_text=id_)
    said = panel(page, "Parked and dead").get_by_role("status")
    await expect(row).to_contain_text("specversion is not 1.0", timeout=30_000)

    await row.get_by_role("button", name="Replay").click()
    await expect(said).to_contain_text("was tried, and is parked: specversion is not 1.0")
    await row.get_by_role("button", name="Discard", expanded=False).click()
    await row.get_by_role("button", name="Discard for good").click()
    await expect(said).to_have_text("Say why it need never be handled.")
    await expect(row).to_have_count(1)
    await row.get_by_label("Reason").fill("Sent by a test")
    await row.get_by_role("button", name="Discard for good").click()

    await expect(said).to_contain_text("is discarded")
    await expect(row).to_have_count(0)


async def test_the_keyboard_stays_where_a_dead_letter_was_discarded(
    stack: Stack, blank_tab: BlankTab
) -> None:
    parked = [await park(stack), await park(stack)]
    page = await blank_tab()
    await open_ops(stack, page)
    letters = panel(page, "Parked and dead")
    rows = letters.get_by_role("listitem")
    for id_ in parked:
        await expect(rows.filter(has_text=id_)).to_have_count(1, timeout=30_000)

    for left in reversed(range(await rows.count())):
        await rows.first.get_by_role("button", name="Discard", expanded=False).press("Enter")
        await rows.first.get_by_label("Reason").fill("Sent by a test")
        await rows.first.get_by_label("Reason").press("Enter")

        await expect(rows).to_have_count(left)
        await expect(rows.first if left else letters.get_by_role("heading")).to_be_focused()


async def test_a_reason_that_is_being_typed_stays_with_its_letter_when_another_arrives(
    stack: Stack, blank_tab: BlankTab
) -> None:
    first = await park(stack)
    page = await blank_tab()
    await open_ops(stack, page)
    mine = rows(page).filter(has_text=first)
    await mine.get_by_role("button", name="Discard", expanded=False).click(timeout=SOON_MS)
    reason = mine.get_by_label("Reason")
    await reason.press_sequentially("Sent by ")

    later = await park(stack)
    await expect(rows(page).first).to_contain_text(later, timeout=SOON_MS)

    await expect(reason).to_be_focused()
    await page.keyboard.type("a test")
    await expect(reason).to_have_value("Sent by a test")
    await page.keyboard.press("Enter")
    await expect(mine).to_have_count(0)
    await expect(rows(page)).to_have_count(1)
    async with operator(stack) as http:
        letter = (await http.get(f"{LETTERS}/{first}")).json()
    assert (letter["state"], letter["discard_reason"]) == ("discarded", "Sent by a test")


async def test_the_button_that_has_the_keyboard_stays_that_letters_when_another_arrives(
    stack: Stack, blank_tab: BlankTab
) -> None:
    first = await park(stack)
    page = await blank_tab()
    await open_ops(stack, page)
    replay = rows(page).filter(has_text=first).get_by_role("button", name="Replay")
    await replay.focus(timeout=SOON_MS)

    later = await park(stack)
    await expect(rows(page).first).to_contain_text(later, timeout=SOON_MS)

    await expect(replay).to_be_focused()
    async with page.expect_request(re.compile("/replay$")) as asked:
        await page.keyboard.press("Enter")
    assert f"/{first}/" in (await asked.value).url
    await expect(said(page)).to_contain_text("was tried, and is parked")
    await expect(replay).to_be_focused()


async def test_what_is_typed_survives_a_deed_elsewhere_and_a_service_that_does_not_answer(
    stack: Stack, blank_tab: BlankTab, gateway_may_vanish: None
) -> None:
    mine, other = await park_many(stack, 2)
    page = await blank_tab()
    await open_ops(stack, page)
    row = rows(page).filter(has_text=mine)
    await row.get_by_role("button", name="Discard", expanded=False).click(timeout=SOON_MS)
    await row.get_by_label("Reason").fill("Half a sen")

    await rows(page).filter(has_text=other).get_by_role("button", name="Replay").click()
    await expect(said(page)).to_contain_text("was tried")
    await page.route(re.compile(LETTERS), lambda route: route.abort())
    away = panel(page, "Parked and dead").get_by_text("Not known of notifier: no answer.")
    await expect(away).to_contain_text("What is listed of them is as it was.", timeout=SOON_MS)
    await expect(row.get_by_label("Reason")).to_have_value("Half a sen")
    await page.unroute(re.compile(LETTERS))

    await expect(away).to_have_count(0, timeout=SOON_MS)
    await expect(row.get_by_label("Reason")).to_have_value("Half a sen")


async def test_what_a_letter_holds_is_opened_without_its_secrets(stack: Stack, blank_tab: BlankTab) -> None:
    id_ = await park(stack, json.dumps({"code": "90210", "currency": "USD"}).encode())
    unreadable = await park(stack, b"90210")
    page = await blank_tab()
    await open_ops(stack, page)
    row = rows(page).filter(has_text=id_)

    details = row.get_by_role("button", name=re.compile(f"^Details of .* {id_}$"))
    await details.press("Enter", timeout=SOON_MS)

    await expect(details).to_have_attribute("aria-expanded", "true")
    data = row.get_by_role("group", name=re.compile("^Data of"))
    await expect(data).to_contain_text('"code": "•••"')
    await expect(data).to_contain_text('"currency": "USD"')
    for fact in ("cloudEvents:specversion: 9.9", "1 try, now parked", "notifier.high"):
        await expect(row).to_contain_text(fact)
    await expect(row.locator("time")).to_have_count(2)
    other = rows(page).filter(has_text=unreadable)
    await other.get_by_role("button", name="Details").click()
    await expect(other).to_contain_text("No JSON object, 5 bytes.")
    await expect(page.locator("main")).not_to_contain_text("90210")
    await details.press("Enter")
    await expect(data).to_have_count(0)


async def test_more_than_a_pageful_is_counted_and_can_be_had(stack: Stack, blank_tab: BlankTab) -> None:
    ids = await until_parked(stack, await park_many(stack, 24))
    page = await blank_tab()
    await open_ops(stack, page)
    await expect(rows(page)).to_have_count(20, timeout=SOON_MS)
    await expect(group(page)).to_contain_text("the newest 20 of 24", timeout=SOON_MS)

    await page.get_by_role("button", name="More of notifier").press("Enter")

    await expect(rows(page)).to_have_count(24)
    await expect(rows(page).last).to_contain_text(ids[-1])
    await expect(group(page)).to_contain_text("24 parked")
    await expect(said(page)).to_have_text("24 of notifier are listed.")
    await expect(group(page)).to_be_focused()
    async with page.expect_response(re.compile(LETTERS)):
        pass  # It was asked for anew.
    await expect(rows(page)).to_have_count(24)


async def test_all_are_replayed_the_oldest_first_once_that_is_confirmed(
    stack: Stack, user: str, blank_tab: BlankTab
) -> None:
    good = envelope_of(added(), user)
    await send(stack, Message("", dead_queue("notifier"), str(good.id), good.data, good.headers()))
    page = await blank_tab()
    await open_ops(stack, page)
    await page.get_by_role("button", name="Collect from notifier").click(timeout=60_000)
    await expect(said(page)).to_have_text("1 collected from notifier.")
    newest_first = await until_parked(stack, await park_many(stack, 3))
    await expect(rows(page)).to_have_count(4, timeout=SOON_MS)
    asked = replays(page)

    await page.get_by_role("button", name="Replay all of notifier", expanded=False).press("Enter")
    assert asked == []
    await group(page).locator(".primary").press("Enter")

    await expect(said(page)).to_have_text("4 of notifier tried, 1 handled.")
    assert asked == newest_first[::-1]
    assert asked[0] == str(good.id)
    await expect(rows(page)).to_have_count(3)
    await expect(page.get_by_role("button", name="Replay all of notifier", expanded=False)).to_be_focused()


async def test_a_letter_that_somebody_closed_ends_nothing_and_a_service_that_is_away_does(
    stack: Stack, blank_tab: BlankTab, gateway_may_vanish: None, refusals_are_logged: None
) -> None:
    oldest, closed, *others = (await until_parked(stack, await park_many(stack, 5)))[::-1]
    page = await blank_tab()
    await open_ops(stack, page)
    await expect(rows(page)).to_have_count(5, timeout=SOON_MS)
    asked = replays(page)

    async def meanwhile(route: Route) -> None:
        async with operator(stack) as http:
            await http.post(f"{LETTERS}/{closed}/discard", json={"reason": "By another operator"})
        await route.continue_()

    await page.route(f"**/{oldest}/replay", meanwhile)
    await page.route(f"**/{others[1]}/replay", lambda route: route.abort())
    await page.get_by_role("button", name="Replay all of notifier").click()
    await group(page).locator(".primary").click()

    await expect(said(page)).to_contain_text("Stopped after 3 of 5 of notifier, 0 handled: Nothing answered")
    assert asked == [oldest, closed, *others[:2]]


async def test_to_replay_all_is_taken_back_or_stopped_by_the_same_button(
    stack: Stack, blank_tab: BlankTab
) -> None:
    oldest = (await until_parked(stack, await park_many(stack, 3)))[-1]
    page = await blank_tab()
    await open_ops(stack, page)
    button = page.get_by_role("button", name="Replay all of notifier")
    await button.press("Enter", timeout=SOON_MS)
    await button.and_(page.get_by_role("button", expanded=True)).press("Enter")
    await expect(group(page).locator(".primary")).to_have_count(0)
    stop = page.get_by_role("button", name="Stop replaying notifier")

    async def stopped(route: Route) -> None:
        await expect(stop).to_be_focused()
        await expect(said(page)).to_have_text("Replaying notifier: 0 of 3, 0 handled.")
        await expect(rows(page).first.get_by_role("button", name="Replay")).to_have_attribute(
            "aria-disabled", "true"
        )
        await page.keyboard.press("Enter")
        await route.continue_()

    await page.route(f"**/{oldest}/replay", stopped)
    await button.press("Enter")
    await group(page).locator(".primary").press("Enter")

    await expect(said(page)).to_have_text("Stopped after 1 of 3 of notifier, 0 handled.")
    await expect(button).to_be_focused()


def replays(page: Page) -> list[str]:
    """The ids of those that are tried from now on."""
    asked: list[str] = []

    def hear(request: Request) -> None:
        if found := re.search("/([^/]+)/replay$", request.url):
            asked.append(found[1])

    page.on("request", hear)
    return asked
