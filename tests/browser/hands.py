"""What a user does on the page, each as one call that returns the record it has made; and what they see."""

from __future__ import annotations

import re
from decimal import Decimal

from playwright.async_api import Locator, Page, expect

from ledgerbell.stack import Stack
from shared.testing.waiting import until

SEEN = "5 debits of $1.00 or less within 30 minutes"
"""What the monitor says of ``debit_in_a_burst``, where that rule alerts."""


def record(tab: Page, name: str, title: str) -> Locator:
    """The newest record of that title on one of the lists."""
    return tab.get_by_role("tabpanel", name=name).get_by_role("listitem").filter(has_text=title).first


async def look_at(tab: Page, name: str) -> None:
    await tab.get_by_role("tab", name=name).click()


async def begin_top_up(tab: Page, amount: str) -> Locator:
    """The payment's row, with its way to the checkout."""
    await tab.get_by_role("button", name="Top up", exact=True, expanded=False).click()
    form = tab.get_by_role("form", name="Top up")
    await form.get_by_label("Amount in USD").fill(amount)
    await form.get_by_role("button", name=f"Top up {shown(amount)}").click()
    payment = record(tab, "Payments", shown(amount))
    await expect(payment).to_contain_text("Waiting for you to pay")
    return payment


async def checkout_of(payment: Locator) -> Page:
    async with payment.page.expect_popup() as opened:
        await payment.get_by_role("link", name="at the checkout").click()
    return await opened.value


async def paid_top_up(tab: Page, amount: str) -> Locator:
    payment = await begin_top_up(tab, amount)
    checkout = await checkout_of(payment)
    await checkout.get_by_role("button", name="Pay").click()
    await expect(checkout.get_by_role("status")).to_contain_text("Paid")
    await checkout.close()
    await expect(payment).to_contain_text("Completed")
    return payment


async def get_a_number(tab: Page, service: str) -> Locator:
    """The verification's row, with its number on it."""
    await ask_for_a_number(tab, service)
    verification = record(tab, "Codes", service)
    await expect(verification).to_contain_text("Waiting for the SMS")
    await expect(verification.locator(".number output")).to_have_text(re.compile(r"^\+\d{8,15}$"))
    return verification


async def ask_for_a_number(tab: Page, service: str) -> None:
    await tab.get_by_role("button", name="Get a code", exact=True, expanded=False).click()
    form = tab.get_by_role("form", name="Get a code")
    await form.get_by_label("Service").select_option(service.lower())
    await form.get_by_role("button", name="Get a number").click()


async def reference_of(row: Locator) -> str:
    return await row.locator("dt:text-is('Reference') + dd").inner_text()


async def ask_back(row: Locator, button: str, reason: str, amount: str | None = None) -> None:
    """Fill in a row's form for a refund, and send it."""
    await row.get_by_role("button", name=button, expanded=False).click()
    form = row.get_by_role("form", name=button)
    if amount is not None:
        await form.get_by_label("Amount").fill(amount)
    await form.get_by_label("Reason").fill(reason)
    await form.get_by_role("button", name="Ask for it").click()


def shown(amount: str) -> str:
    return f"${Decimal(amount):,.2f}"


async def expect_live(*tabs: Page) -> None:
    for tab in tabs:
        await expect(tab.locator("ledgerbell-status")).to_have_text("Live")


async def expect_balance(amount: str, *tabs: Page) -> None:
    for tab in tabs:
        await expect(tab.locator("ledgerbell-balance [part=amount]")).to_have_text(amount)


async def expect_rung(title: str, unread: int, *tabs: Page) -> None:
    """It is in every tab's history, every bell has counted it, and one tab of the browser pops it up."""
    await expect_listed(title, unread, *tabs)

    async def popped_up() -> bool:
        return sum([await toasts(tab).filter(has_text=title).count() for tab in tabs]) == 1

    await until(popped_up)


async def expect_listed(title: str, unread: int, *tabs: Page) -> None:
    """As what needs no pop-up, because its user has just done it."""
    for tab in tabs:
        heading = tab.locator("ledgerbell-history").get_by_role("heading", name=title)
        await expect(heading).to_have_count(1)
        await expect(bell(tab)).to_have_accessible_name(f"Notifications, {unread} unread")


def bell(tab: Page) -> Locator:
    return tab.locator("ledgerbell-bell").get_by_role("button", name="Notifications")


def toasts(tab: Page) -> Locator:
    return tab.get_by_role("complementary", name="New notifications").get_by_role("group")


async def debit_in_a_burst(stack: Stack, user_id: str) -> None:
    """Small debits, as who tries a stolen account makes."""
    for cents in (11, 12, 13, 14, 15):
        await stack.debit(user_id, f"0.{cents}")
