"""Every row of the catalogue's table, driven through the real services: it rings with exactly its copy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from ledgerbell.customer import Customer
from ledgerbell.providers import Providers
from ledgerbell.stack import Stack
from ledgerbell.stories import CHAPTERS, Story
from ledgerbell.tab import Received, Tab
from notifier.domain.dispatcher import NotificationDispatcher
from shared.events.activity import ActivityFlagged
from shared.messaging import Publisher
from shared.testing.deliveries import envelope_of, message_of
from shared.testing.working import working

TABS = 3
AUTOMATIC = "refund.completed, auto=true"
MONEY, REFERENCE = r"\$\d+\.\d\d", r"[A-Z]{3}-[0-9A-Z]+"

# The user's own words. Each row is shown at least once in what follows, and nothing that is no row of it.
COPY = {
    "verification.initiated": r"🚀 Verification Started - Waiting for SMS\.\.\.",
    "credit.deducted": rf"💳 Credits Deducted - {MONEY} for .+\. New balance: {MONEY}",
    "verification.code_received": r"✅ SMS Code Received! Code: \d+",
    "verification.failed": r"❌ Verification Failed - Your credits were not charged",
    "refund.initiated": rf"🔄 Refund Initiated - {MONEY} for .+\. Reference: {REFERENCE}",
    "refund.processing": rf"⏳ Refund Processing - Your refund of {MONEY} is being processed",
    "refund.completed": rf"✅ Refund Completed - {MONEY} refunded successfully! New balance: {MONEY}",
    AUTOMATIC: rf"💰 Instant Refund - {MONEY} refunded for \w+ \(timeout\)",
    "refund.failed": rf"❌ Refund Failed - Contact support\. Reference: {REFERENCE}",
    "refund.cancelled": rf"🚫 Refund Cancelled - Reference: {REFERENCE}",
    "payment.initiated": rf"🚀 Payment Started - Complete payment to add credits\. Reference: {REFERENCE}",
    "payment.completed": rf"✅ Payment Successful - {MONEY} credits added\. New balance: {MONEY}",
    "payment.failed": r"❌ Payment Failed - .+\. Try again or contact support",
    "credit.added": rf"💰 Credits Added - {MONEY} added\. Reason: .+\. New balance: {MONEY}",
    "credit.low_balance": r"⚠️ Low Balance - Add credits to continue",
    "activity.flagged": r"🚨 Unusual Activity - .+\. Not you\? Contact support",
}


def row_of(received: Received) -> str:
    automatic = received.text.startswith("💰 Instant Refund")
    return AUTOMATIC if automatic else str(received.frame["kind"])


def test_the_table_has_every_row_that_is_shown() -> None:
    shown = {type_.rpartition(".v")[0] for type_ in NotificationDispatcher().shown_types}

    assert COPY.keys() == shown | {AUTOMATIC}


@pytest.fixture
async def story(stack: Stack, tab_of: Callable[[str], Tab], user: str) -> AsyncIterator[Story]:
    async with AsyncExitStack() as exits:
        tabs = [await exits.enter_async_context(tab_of(user)) for _ in range(TABS)]
        gateway = await exits.enter_async_context(
            httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False, timeout=15)
        )
        outside = await exits.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=15))
        providers = Providers(
            outside, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers
        )
        yield Story(Customer(gateway, user, stack.token), providers, tabs)


async def flag(stack: Stack, user: str) -> None:
    """As the service that will watch for unusual activity publishes it."""
    event = ActivityFlagged(flag_id="6f0f5f1f-7d11-4b0e-9a83-8c6f2d9e51c4", seen="12 debits in a minute")
    publisher = Publisher(stack.corner.admin_broker_url, "monitor")
    async with working(publisher.run):
        await publisher.linked.wait()
        await publisher.send_batch([message_of(envelope_of(event, user))])


async def test_every_row_rings_on_every_tab_with_exactly_its_copy(stack: Stack, story: Story) -> None:
    for chapter in CHAPTERS.values():
        await chapter(story)
        assert story.late == []
    await flag(stack, story.customer.user)
    await story.rings("🚨 Unusual Activity - 12 debits in a minute. Not you? Contact support")

    for tab in story.tabs:
        assert sorted(received.text for received in tab.received) == sorted(story.expected)
        assert tab.seqs == list(range(1, len(story.expected) + 1))
        assert tab.doubled == 0
        assert {row_of(received) for received in tab.received} == set(COPY)
        for received in tab.received:
            assert re.fullmatch(COPY[row_of(received)], received.text)
        assert tab.balances["USD"]["available"] == f"{story.balance}"
