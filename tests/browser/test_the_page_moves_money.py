"""In a real browser: what the page's buttons do to a user's money, through the services and the sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Page, Request, Route, expect

from ledgerbell.customer import Customer
from ledgerbell.providers import Providers
from ledgerbell.stack import Stack
from tests.browser.hands import (
    ask_back,
    ask_for_a_number,
    begin_top_up,
    bell,
    checkout_of,
    expect_balance,
    expect_listed,
    expect_live,
    expect_rung,
    get_a_number,
    look_at,
    paid_top_up,
    record,
    reference_of,
    toasts,
)

OpenTab = Callable[[str], Awaitable[Page]]


@pytest.fixture
async def customer(stack: Stack, owner: str) -> AsyncIterator[Customer]:
    """The owner beside the page, and an operator who decides upon their refunds."""
    async with httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15) as http:
        yield Customer(http, owner, stack.token)


@pytest.fixture
async def tabs(owner: str, open_tab: OpenTab) -> list[Page]:
    """Two of the owner's, live."""
    opened = [await open_tab(owner), await open_tab(owner)]
    await expect_live(*opened)
    return opened


async def refund_ids(customer: Customer) -> list[str]:
    """Newest first."""
    return [refund["refund_id"] for refund in (await customer.call("GET", "/v1/refunds"))["items"]]


# ------------------------------------------------------------------ top up


async def test_a_top_up_that_is_paid_shows_in_both_tabs_and_in_no_strangers(
    stack: Stack, owner: str, tabs: list[Page], open_tab: OpenTab
) -> None:
    stranger = f"{owner}-stranger"
    await stack.open_account(stranger, "USD")
    theirs = await open_tab(stranger)
    here, there = tabs
    await look_at(there, "Payments")
    await look_at(theirs, "Payments")
    await expect(theirs.get_by_text("No payments yet")).to_be_visible()

    await paid_top_up(here, "20.00")

    await expect(record(there, "Payments", "$20.00")).to_contain_text("Completed")
    await expect_balance("$30.00", here, there)
    await expect_rung("Payment Successful", 3, here, there)
    await look_at(there, "Statement")
    await expect(record(there, "Statement", "Top-up")).to_contain_text("$20.00")
    await expect_balance("$0.00", theirs)
    await expect(bell(theirs)).to_have_accessible_name("Notifications, 0 unread")
    await expect(theirs.get_by_text("No payments yet")).to_be_visible()
    assert await toasts(theirs).count() == 0
    assert await theirs.get_by_role("article").count() == 0
    assert await theirs.locator(".record").count() == 0


async def test_a_card_that_is_declined_moves_nothing(tabs: list[Page]) -> None:
    here, there = tabs
    await look_at(there, "Payments")
    payment = await begin_top_up(here, "20.00")

    checkout = await checkout_of(payment)
    await checkout.get_by_label("Why it is declined").select_option("Card expired")
    await checkout.get_by_role("button", name="Decline").click()

    for tab in tabs:
        declined = record(tab, "Payments", "$20.00")
        await expect(declined).to_contain_text("Failed")
        await expect(declined).to_contain_text("Card expired")
        await expect(declined.get_by_role("link", name="at the checkout")).to_have_count(0)
    await expect_rung("Payment Failed", 3, *tabs)
    await expect_balance("$10.00", *tabs)


async def test_a_checkout_that_was_left_can_be_paid_later_or_cancelled(tabs: list[Page]) -> None:
    here, there = tabs
    await look_at(there, "Payments")
    payment = await begin_top_up(here, "20.00")
    checkout = await checkout_of(payment)

    await checkout.get_by_role("button", name="Abandon").click()

    await expect(checkout.get_by_role("status")).to_contain_text("You have left without paying")
    await expect(payment).to_contain_text("Waiting for you to pay")
    await expect(payment.get_by_role("link", name="at the checkout")).to_be_visible()

    await payment.get_by_role("button", name="Cancel this payment").click()

    for tab in tabs:
        cancelled = record(tab, "Payments", "$20.00")
        await expect(cancelled).to_contain_text("Cancelled")
        await expect(cancelled.get_by_role("link", name="at the checkout")).to_have_count(0)
    await expect_balance("$10.00", *tabs)


# ------------------------------------------------------------------ verify


async def test_a_code_is_shown_in_both_tabs_when_it_comes(tabs: list[Page], providers: Providers) -> None:
    here, there = tabs
    verification = await get_a_number(here, "WhatsApp")
    await expect(record(there, "Codes", "WhatsApp")).to_contain_text("Waiting for the SMS")
    await expect_balance("$9.00", *tabs)

    await providers.send_sms(await reference_of(verification), "483920")

    for tab in tabs:
        received = record(tab, "Codes", "WhatsApp")
        await expect(received).to_contain_text("Code received")
        await expect(received.locator(".code output")).to_have_text("483920")
        await expect(received.get_by_role("button", name="Copy the code")).to_be_visible()
    await expect_rung("SMS Code Received!", 4, *tabs)
    await expect_balance("$9.00", *tabs)


async def test_a_verification_that_is_cancelled_gives_the_money_back(tabs: list[Page]) -> None:
    verification = await get_a_number(tabs[0], "WhatsApp")
    await expect_balance("$9.00", *tabs)

    await verification.get_by_role("button", name="Cancel, and get the money back").click()

    for tab in tabs:
        await expect(record(tab, "Codes", "WhatsApp")).to_contain_text("Cancelled")
    await expect_balance("$10.00", *tabs)


async def test_where_no_code_comes_in_time_the_refund_comes_by_itself(
    tabs: list[Page], providers: Providers
) -> None:
    here, there = tabs
    await look_at(there, "Refunds")
    verification = await get_a_number(here, "Telegram")

    await providers.time_out(await reference_of(verification))

    await expect(verification).to_contain_text("No SMS in time")
    await expect(record(there, "Refunds", "Instant refund")).to_contain_text("Refunded")
    await expect_rung("Instant Refund", 4, *tabs)
    await expect_balance("$10.00", *tabs)


@pytest.mark.usefixtures("refusals_are_logged")
async def test_what_is_missing_for_a_number_is_said_and_then_it_can_be_had(
    stack: Stack, user: str, open_tab: OpenTab
) -> None:
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "0.40")
    tab = await open_tab(user)
    await expect_balance("$0.40", tab)

    await ask_for_a_number(tab, "WhatsApp")

    form = tab.get_by_role("form", name="Get a code")
    await expect(form.get_by_role("alert")).to_have_text(
        "$0.60 is missing: it costs $1.00, and you have $0.40."
    )
    await form.get_by_role("button", name="Top up").click()
    await expect(tab.get_by_label("Amount in USD")).to_have_value("5.00")
    await expect_balance("$0.40", tab)

    await stack.add_credits(user, "0.60")
    await expect_balance("$1.00", tab)
    await get_a_number(tab, "WhatsApp")
    await expect_balance("$0.00", tab)


# ------------------------------------------------------------------ refunds


async def test_a_refund_to_the_balance_is_asked_for_followed_and_completed(
    tabs: list[Page], providers: Providers, customer: Customer
) -> None:
    here, there = tabs
    await look_at(there, "Refunds")
    verification = await get_a_number(here, "WhatsApp")
    await providers.send_sms(await reference_of(verification), "483920")
    await expect(verification).to_contain_text("Code received")

    await ask_back(verification, "Ask for a refund", "The code did not work")

    await expect(verification.locator("p[role=status]")).to_contain_text("A refund of $1.00 is asked for")
    refund = record(there, "Refunds", "Refund to balance")
    await expect(refund).to_contain_text("Asked for")
    await expect(refund).to_contain_text("The code did not work")
    await expect_balance("$9.00", *tabs)

    [refund_id] = await refund_ids(customer)
    await customer.process_refund(refund_id)

    await expect(refund).to_contain_text("Refunded")
    await expect(refund.get_by_role("button", name="Cancel this refund")).to_be_hidden()
    await expect_rung("Refund Completed", 7, *tabs)
    await expect_balance("$10.00", *tabs)


async def test_a_refund_is_taken_back_from_its_own_row(tabs: list[Page], providers: Providers) -> None:
    here, there = tabs
    await look_at(there, "Refunds")
    verification = await get_a_number(here, "WhatsApp")
    await providers.send_sms(await reference_of(verification), "483920")
    await ask_back(verification, "Ask for a refund", "A mistake")

    await verification.get_by_role("link", name="Refund REF-").click()
    refund = record(here, "Refunds", "Refund to balance")
    await refund.get_by_role("button", name="Cancel this refund").click()

    for tab in tabs:
        await expect(record(tab, "Refunds", "Refund to balance")).to_contain_text("Cancelled")
    await expect_listed("Refund Cancelled", 6, *tabs)
    await expect_balance("$9.00", *tabs)


@pytest.mark.usefixtures("refusals_are_logged")
async def test_no_more_goes_back_to_the_card_than_was_paid(tabs: list[Page], customer: Customer) -> None:
    here, there = tabs
    await look_at(there, "Refunds")
    payment = await paid_top_up(here, "20.00")
    await expect_balance("$30.00", *tabs)

    await ask_back(payment, "Refund to card", "Not needed", "15.00")
    refund = record(there, "Refunds", "Refund to card")
    await expect(refund).to_contain_text("Asked for")
    [refund_id] = await refund_ids(customer)
    await customer.process_refund(refund_id)
    await expect(refund).to_contain_text("Refunded")
    await expect_balance("$15.00", *tabs)

    await ask_back(payment, "Refund to card", "More", "5.01")
    await expect(payment.get_by_role("alert")).to_have_text("More than what remains to be refunded: $5.00.")
    await payment.get_by_label("Amount").fill("a lot")
    await payment.get_by_role("button", name="Ask for it").click()
    await expect(payment.get_by_role("alert")).to_have_text("Type an amount, such as 12.50.")
    await expect_balance("$15.00", *tabs)


@pytest.mark.usefixtures("refusals_are_logged")
async def test_what_was_spent_does_not_go_back_to_the_card(
    stack: Stack, tabs: list[Page], owner: str
) -> None:
    payment = await paid_top_up(tabs[0], "20.00")
    await stack.debit(owner, "25.00")
    await expect_balance("$5.00", *tabs)

    await ask_back(payment, "Refund to card", "Not needed", "20.00")

    await expect(payment.get_by_role("alert")).to_have_text(
        "The credits this payment bought are no longer on the balance."
    )
    await expect_balance("$5.00", *tabs)


# ------------------------------------------------------------------ once, and only once


async def test_a_double_click_moves_money_once(tabs: list[Page], customer: Customer) -> None:
    here, _ = tabs
    asked: list[str] = []
    here.on("request", lambda request: asked.append(key_of(request)) if request.method == "POST" else None)
    await here.get_by_role("button", name="Get a code", exact=True).click()
    await expect(here.get_by_label("Service")).to_have_value("whatsapp")

    await here.get_by_role("button", name="Get a number").dblclick()

    await expect(record(here, "Codes", "WhatsApp")).to_contain_text("Waiting for the SMS")
    await expect_balance("$9.00", *tabs)
    assert len(set(filter(None, asked))) == 1
    assert len((await customer.call("GET", "/v1/verifications"))["items"]) == 1


def key_of(request: Request) -> str:
    return request.headers.get("idempotency-key", "")


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_what_got_no_answer_is_tried_again_and_done_once(tabs: list[Page], customer: Customer) -> None:
    here, _ = tabs
    keys: list[str] = []

    async def lose_the_first_answer(route: Route) -> None:
        keys.append(key_of(route.request))
        if len(keys) > 1:
            await route.continue_()
        else:
            await route.fetch()
            await route.abort()

    await here.route("**/v1/verifications", lose_the_first_answer, times=2)
    await ask_for_a_number(here, "WhatsApp")
    form = here.get_by_role("form", name="Get a code")
    await expect(form.get_by_role("alert")).to_contain_text("Try again: it is done once only.")

    await form.get_by_role("button", name="Get a number").click()

    await expect(form).to_be_hidden()
    await expect(record(here, "Codes", "WhatsApp")).to_contain_text("Waiting for the SMS")
    await expect_balance("$9.00", *tabs)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len((await customer.call("GET", "/v1/verifications"))["items"]) == 1


# ------------------------------------------------------------------ for everybody


async def test_everything_is_done_from_the_keyboard(tabs: list[Page], providers: Providers) -> None:
    here, there = tabs
    await here.locator("#open-top-up").focus()

    await here.keyboard.press("Enter")
    await expect(here.get_by_label("Amount in USD")).to_be_focused()
    await here.keyboard.type("20")
    await here.keyboard.press("Enter")
    pay = here.get_by_role("link", name="Pay $20.00 at the checkout (opens a new tab)")
    await expect(pay).to_be_focused()
    await providers.press(await pay.get_attribute("href") or "", "pay")
    payment = record(here, "Payments", "$20.00")
    await expect(payment).to_contain_text("Completed")
    await expect(payment.get_by_role("heading").get_by_role("button")).to_be_focused()

    await here.get_by_role("tab", name="Payments").focus()
    await here.keyboard.press("ArrowLeft")
    await expect(here.get_by_role("tab", name="Codes")).to_be_focused()
    await here.locator("#open-verify").press("Enter")
    await expect(here.get_by_label("Service")).to_be_focused()
    await here.keyboard.press("Tab")
    await here.keyboard.press("Enter")
    verification = record(there, "Codes", "WhatsApp")
    await expect(verification).to_contain_text("Waiting for the SMS")
    await providers.send_sms(await reference_of(verification), "483920")
    mine = record(here, "Codes", "WhatsApp")
    await mine.get_by_role("button", name="Ask for a refund").press("Enter")
    await expect(mine.get_by_label("Reason")).to_be_focused()
    await here.keyboard.press("Escape")
    await expect(mine.get_by_role("button", name="Ask for a refund")).to_be_focused()
