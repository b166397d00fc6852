"""In a real browser: the operator's page, live, on what users do and on what services could not handle."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from ledgerbell.customer import Customer
from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from tests.browser import axe
from tests.browser.desk import (
    OPERATOR,
    discard,
    expect_told,
    find,
    open_ops,
    panel,
    park_everywhere,
    park_many,
    tile,
    until_told,
)
from tests.conftest import SilentTab

BlankTab = Callable[[], Awaitable[Page]]
TabOf = Callable[[str], Tab]
Theme = Literal["light", "dark"]

HOSTILE = '<img src=x onerror="window.violations.push(1)">${alert(1)}'
ASKED_FOR = re.compile("/v1/(dead-letters|activity|coverage|trail)")
NOT_ZERO = re.compile(r"^(?!0(\.0)?$)[\d.,]+$")


async def pushed_at(stack: Stack, transfer: str) -> str:
    """When the gateway wrote it, which is not when the trail heard of that."""
    headers = {"authorization": f"Bearer {stack.token(OPERATOR, ('operator',))}"}
    async with httpx.AsyncClient(base_url=stack.gateway_url, headers=headers, trust_env=False) as http:
        answer = await http.get("/v1/trail", params={"transfer": transfer})
    [pushed] = [entry for entry in answer.raise_for_status().json()["items"] if entry["what"] == "pushed"]
    assert pushed["detail"]["pushed_at"] < pushed["at"]
    return str(pushed["detail"]["pushed_at"])


async def debit_for(stack: Stack, user: str, reference: str) -> None:
    async with httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15) as gateway:
        answer = await gateway.post(
            f"/v1/accounts/{user}/debits",
            json={"amount": "1.00", "currency": "USD", "reason": "Test", "reference": reference},
            headers={"authorization": f"Bearer {stack.token(user)}", "idempotency-key": uuid4().hex},
        )
    answer.raise_for_status()


@asynccontextmanager
async def spending(stack: Stack, user: str) -> AsyncIterator[None]:
    """Debits, one after the other."""

    async def spend() -> None:
        while True:
            await stack.debit(user, "0.01")

    task = asyncio.create_task(spend())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_figures_move_while_money_does(
    stack: Stack, owner: str, tab_of: TabOf, blank_tab: BlankTab
) -> None:
    page = await blank_tab()
    async with tab_of(owner):
        await open_ops(stack, page)
        await expect_told(page)
        assert "token" not in page.url
        async with spending(stack, owner):
            await expect(tile(page, "Stored")).to_have_text(NOT_ZERO)
            await expect(tile(page, "Pushed")).to_have_text(NOT_ZERO)
            charts = page.get_by_role("img", name=re.compile(r"p50 [\d.]+ m?s and p99 [\d.]+ m?s"))
            await expect(charts.first).to_be_visible()
            await expect(charts.first.locator(".line.p50")).to_have_attribute("d", re.compile("^M.*L"))
        await expect(tile(page, "Connected")).to_have_text(NOT_ZERO)
        await expect(panel(page, "Lanes").get_by_role("row", name=re.compile("critical"))).to_be_visible()
        await expect(panel(page, "Services").get_by_role("rowheader")).to_have_count(7)

    later = await blank_tab()
    await open_ops(stack, later)
    await expect_told(later)
    path = later.get_by_role("img", name=re.compile("p50")).first.locator(".line.p50")
    await expect(path).to_have_attribute("d", re.compile("^M.*L"))


async def test_a_search_opens_the_timeline_of_a_user_and_of_a_transfer(
    stack: Stack, owner: str, tab_of: TabOf, blank_tab: BlankTab
) -> None:
    transfer = await stack.debit(owner, "1.00")
    async with tab_of(owner) as tab:
        await tab.until(lambda: len(tab.received) == 2)
        page = await blank_tab()
        await open_ops(stack, page)
        await expect_told(page)

        await until_told(page, owner, "Stored")
        await until_told(page, owner, "by gateway")
        await until_told(page, transfer, "Stored", "acknowledged by 1 session")


async def test_a_search_opens_the_timeline_of_a_reference_and_of_nothing_else(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    async with httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15) as gateway:
        customer = Customer(gateway, owner, stack.token)
        reference = (await customer.initialize_payment("10.00"))["reference"]
    page = await blank_tab()
    await open_ops(stack, page)
    await until_told(page, owner, "Credits Added")

    entries = await until_told(page, reference.lower(), "payment.initiated", owner)

    said = panel(page, "What happened to").get_by_role("status")
    await expect(said).to_contain_text(f"about reference {reference}, newest first")
    await expect(entries.filter(has_text="Credits Added")).to_have_count(0)


async def test_a_search_finds_a_reference_that_somebody_made_up(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    reference = f"order-{uuid4().hex[:8]}"
    await debit_for(stack, owner, reference)
    page = await blank_tab()
    await open_ops(stack, page)

    entries = await until_told(page, reference, "Stored", owner)

    said = panel(page, "What happened to").get_by_role("status")
    await expect(said).to_contain_text(f"about reference {reference}, newest first")
    await expect(entries.filter(has_text="Credits Added")).to_have_count(0)
    await expect(page.get_by_role("group", name="Which one")).to_have_count(0)


async def test_a_name_that_is_a_user_and_a_reference_is_offered_as_both(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    named = f"{owner}-too"  # Like no reference of ours.
    await stack.open_account(named, "USD")
    await stack.add_credits(named, "5.00")
    await debit_for(stack, owner, reference=named)
    page = await blank_tab()
    await open_ops(stack, page)
    await until_told(page, owner, "Credits Deducted")
    await until_told(page, named, "Credits Added")

    said = panel(page, "What happened to").get_by_role("status")
    either = page.get_by_role("group", name="Which one")
    entries = page.get_by_role("list", name="Timeline").get_by_role("listitem")
    await expect(said).to_contain_text(f"about user {named}, newest first. There is also reference {named}.")
    await expect(either.get_by_role("button", pressed=True)).to_have_text(f"user {named}")
    await either.get_by_role("button", name=f"reference {named}", pressed=False).press("Enter")
    await expect(said).to_contain_text(f"about reference {named}, newest first. There is also user {named}.")
    await expect(entries.filter(has_text="Credits Deducted").filter(has_text=owner)).to_have_count(1)
    await expect(entries.filter(has_text="Credits Added")).to_have_count(0)
    await expect(either.get_by_role("button", pressed=True)).to_be_focused()


async def test_what_a_silent_tab_was_sent_is_told_from_what_two_sessions_acknowledged(
    stack: Stack, owner: str, tab_of: TabOf, blank_tab: BlankTab
) -> None:
    shown = await stack.debit(owner, "1.00", reason="Shown")
    async with tab_of(owner) as one, tab_of(owner) as other:
        for tab in (one, other):
            await tab.until(lambda tab=tab: len(tab.received) == 2)  # type: ignore[misc]  # mypy cannot type a default.
        page = await blank_tab()
        await open_ops(stack, page)
        entries = await until_told(page, shown, "Stored", "acknowledged by 2 sessions")
    sessions = await entries.filter(has_text="by session").locator("code").all_inner_texts()
    assert len(set(sessions)) == len(sessions) == 2

    silent = SilentTab(stack.gateway_url, lambda: stack.token(owner), cursor="1:2")
    async with silent:
        unseen = await stack.debit(owner, "1.00", reason="Unseen")
        await silent.until(lambda: silent.cursor == "1:3")
        entries = await until_told(page, unseen, "Stored", "pushed, not acknowledged")
        await expect(entries.filter(has_text="by session")).to_have_count(0)
        time = entries.filter(has_text="by gateway").locator("time")
        await expect(time).to_have_attribute("datetime", await pushed_at(stack, unseen))

    entries = await until_told(page, owner, "Stored", "pushed, not acknowledged")
    stored = entries.filter(has_text="Stored").filter(has_text=re.compile("Credits Deducted"))
    badges = await stored.locator(".badge").all_inner_texts()
    assert badges == ["pushed, not acknowledged", "acknowledged by 2 sessions"]


async def test_a_silent_tab_is_not_hidden_by_one_that_comes_back(
    stack: Stack, owner: str, tab_of: TabOf, blank_tab: BlankTab
) -> None:
    page = await blank_tab()
    await open_ops(stack, page)
    silent = SilentTab(stack.gateway_url, lambda: stack.token(owner), cursor="1:1")
    async with silent, tab_of(owner) as told:
        transfer = await stack.debit(owner, "1.00")
        for tab in (silent, told):
            await tab.until(lambda tab=tab: tab.cursor == "1:2")  # type: ignore[misc]  # mypy cannot type a default.
        await until_told(page, transfer, "by session")
        await told.break_off()
        await told.until(lambda: told.sessions == 2 and told.live.is_set())

        entries = await until_told(page, transfer, "in its list, not sent to it")

    badge = entries.filter(has_text="Stored").locator(".badge")
    await expect(badge).to_have_text("acknowledged by 1 session; 1 tab pushed, not acknowledged")
    await expect(badge).to_have_class("badge open")


async def test_what_nobody_knows_is_said_to_be_unknown(stack: Stack, blank_tab: BlankTab) -> None:
    page = await blank_tab()
    await open_ops(stack, page)
    await find(page, f"nobody-{uuid4().hex}")

    said = panel(page, "What happened to").get_by_role("status")
    await expect(said).to_contain_text("The trail knows nothing of nobody-")


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_what_cannot_be_asked_is_not_said_to_be_well(stack: Stack, blank_tab: BlankTab) -> None:
    page = await blank_tab()
    await page.route(ASKED_FOR, lambda route: route.abort())
    await open_ops(stack, page)
    await expect_told(page)

    letters, flags = panel(page, "Parked and dead"), panel(page, "Unusual activity")
    await expect(letters).to_contain_text(
        "Not known of credit, monitor, notifier, payment, refund: no answer."
    )
    await expect(letters).not_to_contain_text("Nothing is parked")
    await expect(flags).to_contain_text("Not known: the monitor did not answer.")
    await expect(tile(page, "Coverage")).to_have_text("–")
    await find(page, "anybody")
    said = panel(page, "What happened to").get_by_role("status")
    await expect(said).to_have_text("Nothing answered. Look again in a moment.")

    await page.unroute(ASKED_FOR)
    await expect(tile(page, "Coverage")).to_contain_text("%", timeout=15_000)
    await expect(letters).not_to_contain_text("Not known")


async def test_what_was_discarded_is_in_the_timeline_and_reads_the_same_of_every_service(
    stack: Stack, blank_tab: BlankTab
) -> None:
    user, transfer = f"user-{uuid4().hex}", str(uuid4())
    event = "payment.succeeded.v1"
    id_ = await park_everywhere(stack, event, user, transfer)
    page = await blank_tab()
    await open_ops(stack, page)
    for service in ("credit", "notifier"):
        await discard(stack, service, id_, "Booked by hand")

        await until_told(page, transfer, f"Discarded {event} at {service} by {OPERATOR}: Booked by hand")

    entries = await until_told(page, user, "Discarded")
    await expect(entries.filter(has_text="letter.discarded")).to_have_count(0)


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_users_token_opens_nothing(stack: Stack, blank_tab: BlankTab) -> None:
    page = await blank_tab()
    asked: list[str] = []
    page.on("websocket", lambda socket: asked.append(socket.url))

    await open_ops(stack, page, ("user",))

    await expect(page.get_by_role("alert")).to_have_text("That token is not an operator’s.")
    await expect(page.locator(".tile")).to_have_count(0)
    assert await page.evaluate("() => sessionStorage.length") == 0
    await page.get_by_label("Access token").fill("nonsense")
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("alert")).to_contain_text("You have been signed out")
    assert asked == []


async def test_hostile_text_stays_text(stack: Stack, blank_tab: BlankTab) -> None:
    """Whatever of it ran would be a violation, or an error, in the page: the profile fails the test then."""
    hostile = f"{HOSTILE}{uuid4().hex[:8]}"
    await stack.open_account(hostile, "USD")
    await stack.add_credits(hostile, "5.00", reason=HOSTILE)
    page = await blank_tab()
    await open_ops(stack, page)
    await expect_told(page)

    entries = await find(page, hostile)

    said = panel(page, "What happened to").get_by_role("status")
    await expect(said).to_contain_text(hostile)
    await expect(entries.first).to_contain_text(hostile)
    await expect(page.locator("main img")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (360, 740)])
async def test_the_page_is_accessible_whatever_is_open(
    stack: Stack, owner: str, chromium: Browser, theme: Theme, size: tuple[int, int]
) -> None:
    [_, id_] = await park_many(stack, 2)
    async with await chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    ) as profile:
        await axe.bring(profile)
        page = await profile.new_page()
        await page.goto(f"{stack.gateway_url}/ops")
        await expect(page.get_by_label("Access token")).to_be_focused()
        assert await axe.violations(page) == []

        await open_ops(stack, page)
        await expect_told(page)
        row = panel(page, "Parked and dead").get_by_role("listitem").filter(has_text=id_)
        await row.get_by_role("button", name="Discard", expanded=False).click(timeout=30_000)
        await row.get_by_role("button", name="Details", expanded=False).click()
        await expect(row.get_by_role("group", name="Data of")).to_be_visible()
        await page.get_by_role("button", name="Replay all of notifier", expanded=False).click()
        await expect((await find(page, owner)).first).to_be_visible()
        await expect(page.get_by_role("img", name=re.compile("critical"))).to_be_visible()
        assert await axe.violations(page) == []
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
