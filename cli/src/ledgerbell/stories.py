"""What happens to one user, chapter by chapter, and the words it must ring with on each of their tabs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from ledgerbell.customer import Customer
from ledgerbell.providers import Providers
from ledgerbell.tab import Tab
from shared.testing.waiting import until

View = dict[str, Any]


@dataclass
class Story:
    """One user's. ``balance`` is what they have to spend, as the stories so far have left it."""

    customer: Customer
    providers: Providers
    tabs: list[Tab]
    expected: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    balance: Decimal = Decimal(0)
    payment: View = field(default_factory=dict)
    verification: View = field(default_factory=dict)

    async def rings(self, *texts: str) -> None:
        """Wait until each tab shows these too. What does not come in time is ``late`` from then on."""
        self.expected += texts
        for tab in self.tabs:
            try:
                await tab.until(lambda tab=tab: not self.missing(tab) - Counter(self.late))  # type: ignore[misc]  # mypy cannot type a default.
            except TimeoutError:
                self.late += (self.missing(tab) - Counter(self.late)).elements()

    def missing(self, tab: Tab) -> Counter[str]:
        """What the tab should have shown by now, and has not."""
        return Counter(self.expected) - Counter(received.text for received in tab.received)

    def money_in(self, amount: str) -> str:
        self.balance += Decimal(amount)
        return f"${self.balance}"

    def money_out(self, amount: str) -> str:
        self.balance -= Decimal(amount)
        return f"${self.balance}"

    async def price_of(self, service: str) -> tuple[str, str]:
        """A service's name, and its price."""
        found = next(each for each in await self.customer.services() if each["key"] == service)
        return str(found["name"]), str(found["price"])

    async def verify(self, service: str) -> View:
        """A verification that has its number and waits for its code."""
        name, price = await self.price_of(service)
        asked = await self.customer.request_verification(service)
        await self.rings(
            "🚀 Verification Started - Waiting for SMS...",
            f"💳 Credits Deducted - ${price} for {name}. New balance: {self.money_out(price)}",
        )
        return asked

    async def code_comes(self, verification: View, code: str) -> None:
        await self.providers.send_sms(verification["reference"], code)
        await self.rings(f"✅ SMS Code Received! Code: {code}")


async def a_bonus(story: Story) -> None:
    await story.customer.open_account(low_balance_threshold="1.00")
    await story.customer.add_credits("2.00", "Welcome bonus")
    await story.rings(
        f"💰 Credits Added - $2.00 added. Reason: Welcome bonus. New balance: {story.money_in('2.00')}"
    )


async def a_payment(story: Story) -> None:
    payment = story.payment = await story.customer.initialize_payment("10.00")
    await story.rings(_payment_started(payment))
    await story.providers.press(payment["checkout_url"], "pay")
    await story.rings(f"✅ Payment Successful - $10.00 credits added. New balance: {story.money_in('10.00')}")


async def a_payment_that_is_declined(story: Story) -> None:
    payment = await story.customer.initialize_payment("20.00")
    await story.rings(_payment_started(payment))
    await story.providers.press(payment["checkout_url"], "decline")

    async def reason() -> str:
        return str((await story.customer.look("payments", payment["payment_id"]))["reason"] or "")

    await story.rings(f"❌ Payment Failed - {await until(reason)}. Try again or contact support")


async def a_verification(story: Story) -> None:
    story.verification = await story.verify("whatsapp")
    await story.code_comes(story.verification, "483920")


async def a_verification_that_fails(story: Story) -> None:
    # The fault is for the next order and for nothing of an earlier one.
    await until(lambda: story.providers.is_finished(story.verification["reference"]))
    await story.providers.play("sms", "POST /v1/orders", "decline")
    await story.customer.request_verification("google")
    await story.rings(
        "🚀 Verification Started - Waiting for SMS...",
        "❌ Verification Failed - Your credits were not charged",
    )


async def a_verification_whose_code_never_comes(story: Story) -> None:
    name, price = await story.price_of("telegram")
    verification = await story.verify("telegram")
    await story.providers.time_out(verification["reference"])
    story.money_in(price)
    await story.rings(f"💰 Instant Refund - ${price} refunded for {name} (timeout)")


async def a_refund_by_hand(story: Story) -> None:
    _, price = await story.price_of("whatsapp")
    refund = await _back(story, "the code did not work", story.verification)
    await story.rings(_refund_initiated(refund, price))
    await story.customer.process_refund(refund["refund_id"])
    await story.rings(
        f"⏳ Refund Processing - Your refund of ${price} is being processed",
        f"✅ Refund Completed - ${price} refunded successfully! New balance: {story.money_in(price)}",
    )


async def a_refund_that_is_taken_back(story: Story) -> None:
    _, price = await story.price_of("google")
    verification = await story.verify("google")
    await story.code_comes(verification, "77120")
    refund = await _back(story, "a mistake", verification)
    await story.rings(_refund_initiated(refund, price))
    await story.customer.cancel("refunds", refund["refund_id"])
    await story.rings(f"🚫 Refund Cancelled - Reference: {refund['reference']}")


async def a_refund_that_the_provider_refuses(story: Story) -> None:
    await story.providers.play("payments", "POST /v1/refunds", "refuse")
    refund = await _to_card(story, "3.00")
    await story.rings(f"❌ Refund Failed - Contact support. Reference: {refund['reference']}")


async def a_refund_to_the_card(story: Story) -> None:
    await _to_card(story, "4.00")
    left = story.money_out("4.00")
    await story.rings(
        f"💳 Credits Deducted - $4.00 for Refund to your card. New balance: {left}",
        f"✅ Refund Completed - $4.00 refunded successfully! New balance: {left}",
    )


async def running_low(story: Story) -> None:
    amount = str(story.balance - Decimal("0.50"))
    await story.customer.deduct_credits(amount, "Number rental")
    await story.rings(
        f"💳 Credits Deducted - ${amount} for Number rental. New balance: {story.money_out(amount)}",
        "⚠️ Low Balance - Add credits to continue",
    )


async def _back(story: Story, reason: str, verification: View) -> View:
    """A refund of a verification. That its code has come the refund service may hear after the tabs."""

    async def asked() -> View | None:
        try:
            return await story.customer.initiate_refund(
                reason, verification_id=verification["verification_id"]
            )
        except httpx.HTTPStatusError as refusal:
            if refusal.response.status_code != 409:
                raise
            return None

    refund = await until(asked)
    assert refund is not None
    return refund


async def _to_card(story: Story, amount: str) -> View:
    """Part of the payment on its way back to the card."""
    refund = await story.customer.initiate_refund(
        "not needed", payment_id=story.payment["payment_id"], amount=amount
    )
    await story.rings(_refund_initiated(refund, amount))
    await story.customer.process_refund(refund["refund_id"])  # An operator does not wait for the grace.
    await story.rings(f"⏳ Refund Processing - Your refund of ${amount} is being processed")
    return refund


def _payment_started(payment: View) -> str:
    return f"🚀 Payment Started - Complete payment to add credits. Reference: {payment['reference']}"


def _refund_initiated(refund: View, amount: str) -> str:
    return f"🔄 Refund Initiated - ${amount} for {refund['reason']}. Reference: {refund['reference']}"


CHAPTERS: dict[str, Callable[[Story], Awaitable[None]]] = {
    "A bonus from an operator": a_bonus,
    "A payment through the checkout page": a_payment,
    "A payment that is declined there": a_payment_that_is_declined,
    "A verification: a number, and its code": a_verification,
    "A verification the provider has no number for": a_verification_that_fails,
    "A verification whose code never comes: refunded by itself": a_verification_whose_code_never_comes,
    "A refund by hand": a_refund_by_hand,
    "A refund that is taken back": a_refund_that_is_taken_back,
    "A refund to the card that the provider refuses": a_refund_that_the_provider_refuses,
    "A part of the payment back to the card": a_refund_to_the_card,
    "Running low": running_low,
}
