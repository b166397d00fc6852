"""Turns each event into what its user sees, in exactly the agreed words, or says why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from notifier.domain.notification import Category, Notification, Suppressed
from shared.events import BalanceChange, Event
from shared.events.activity import ActivityFlagged
from shared.events.credit import CreditAdded, CreditDeducted, CreditLowBalance
from shared.events.letter import LetterDiscarded
from shared.events.payment import PaymentCompleted, PaymentFailed, PaymentInitiated
from shared.events.refund import (
    RefundCancelled,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundProcessing,
)
from shared.events.verification import VerificationCodeReceived, VerificationFailed, VerificationInitiated
from shared.money import Money
from shared.texts import InvalidText, relative_link

HISTORY, TOP_UP = "/history", "/topup"

SILENT = Suppressed("nothing is shown of this type")
NOT_TWICE = Suppressed("the payment or refund is shown instead")
AUTOMATIC = Suppressed("an automatic refund is shown once, when the money is back")
REMINDER = Suppressed("a reminder to another service")


class NotificationDispatcher:
    """One method a row of the catalogue's table, each a pure function of its event.

    Types without a row (holds, a payment's provider having the money, …) are not shown; every event is in the
    trail all the same.
    """

    def __init__(self, locale: str = "en_US") -> None:
        self._locale = locale
        # The key of a row is the type of its method's argument, which a mapping's type cannot say.
        self._rows: Mapping[str, Callable[[Any], Notification | Suppressed]] = {
            VerificationInitiated.TYPE: self.on_verification_initiated,
            VerificationCodeReceived.TYPE: self.on_sms_received,
            VerificationFailed.TYPE: self.on_verification_failed,
            CreditDeducted.TYPE: self.on_credits_deducted_enhanced,
            CreditAdded.TYPE: self.on_credits_added,
            CreditLowBalance.TYPE: self.on_low_balance,
            RefundInitiated.TYPE: self.on_refund_initiated,
            RefundProcessing.TYPE: self.on_refund_processing,
            RefundCompleted.TYPE: self.on_refund_completed,
            RefundFailed.TYPE: self.on_refund_failed,
            RefundCancelled.TYPE: self.on_refund_cancelled,
            PaymentInitiated.TYPE: self.on_payment_initiated,
            PaymentCompleted.TYPE: self.on_payment_completed,
            PaymentFailed.TYPE: self.on_payment_failed,
            ActivityFlagged.TYPE: self.on_activity_flagged,
        }

    @property
    def shown_types(self) -> frozenset[str]:
        return frozenset(self._rows)

    def dispatch(self, event: Event) -> Notification | Suppressed:
        """What the event's owner sees of it. Raises UnknownCurrency for a currency that does not exist."""
        if isinstance(event, LetterDiscarded):
            return _discarded(event)
        row = self._rows.get(event.TYPE)
        return SILENT if row is None else row(event)

    def on_verification_initiated(self, event: VerificationInitiated) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.VERIFICATION,
            icon="🚀",
            title="Verification Started",
            body="Waiting for SMS...",
            link=f"/verifications/{event.verification_id}",
            toast=True,
        )

    def on_sms_received(self, event: VerificationCodeReceived) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.VERIFICATION,
            icon="✅",
            title="SMS Code Received!",
            body=f"Code: {event.code}",
            link=f"/verifications/{event.verification_id}",
            toast=True,
        )

    def on_verification_failed(self, event: VerificationFailed) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.VERIFICATION,
            icon="❌",
            title="Verification Failed",
            body="Your credits were not charged",
            link=f"/verifications/{event.verification_id}",
            toast=True,
        )

    def on_credits_deducted_enhanced(self, event: CreditDeducted) -> Notification:
        amount, balance = self._amounts(event)
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.MONEY_OUT,
            icon="💳",
            title="Credits Deducted",
            body=f"{amount} for {event.service or event.reason}. New balance: {balance}",
            link=_own_page(event.link) or HISTORY,
            toast=True,
            amount_minor=-event.amount_minor,
            currency=event.currency,
            transfer_id=event.transfer_id,
        )

    def on_credits_added(self, event: CreditAdded) -> Notification | Suppressed:
        if event.source in ("payment", "refund"):
            return NOT_TWICE  # payment.completed and refund.completed are that entry.
        amount, balance = self._amounts(event)
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.MONEY_IN,
            icon="💰",
            title="Credits Added",
            body=f"{amount} added. Reason: {event.reason}. New balance: {balance}",
            link=HISTORY,
            toast=True,
            amount_minor=event.amount_minor,
            currency=event.currency,
            transfer_id=event.transfer_id,
        )

    def on_low_balance(self, event: CreditLowBalance) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.ACCOUNT,
            icon="⚠️",
            title="Low Balance",
            body="Add credits to continue",
            link=TOP_UP,
            toast=True,
        )

    def on_refund_initiated(self, event: RefundInitiated) -> Notification | Suppressed:
        if event.auto:
            return AUTOMATIC
        amount = self._display(event.amount_minor, event.currency)
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.REFUND,
            icon="🔄",
            title="Refund Initiated",
            body=f"{amount} for {event.reason}. Reference: {event.reference}",
            link=f"/refunds/{event.refund_id}",
            toast=True,
        )

    def on_refund_processing(self, event: RefundProcessing) -> Notification | Suppressed:
        if event.auto:
            return AUTOMATIC
        if event.reminder:
            return REMINDER
        amount = self._display(event.amount_minor, event.currency)
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.REFUND,
            icon="⏳",
            title="Refund Processing",
            body=f"Your refund of {amount} is being processed",
            link=f"/refunds/{event.refund_id}",
            toast=False,
        )

    def on_refund_completed(self, event: RefundCompleted) -> Notification:
        amount, balance = self._amounts(event)
        title, icon = "Refund Completed", "✅"
        body = f"{amount} refunded successfully! New balance: {balance}"
        link = f"/refunds/{event.refund_id}"
        if event.auto:
            title, icon = "Instant Refund", "💰"
            body = f"{amount} refunded for {event.service or 'verification'} ({event.reason})"
            link = f"/verifications/{event.verification_id}" if event.verification_id else link
        # Money that went back to a card has left the balance: the deduction is the entry with the amount.
        to_card = event.kind == "money"
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.REFUND if to_card else Category.MONEY_IN,
            icon=icon,
            title=title,
            body=body,
            link=link,
            toast=True,
            amount_minor=None if to_card else event.amount_minor,
            currency=None if to_card else event.currency,
            transfer_id=event.transfer_id,
        )

    def on_refund_failed(self, event: RefundFailed) -> Notification | Suppressed:
        if event.reminder:
            return REMINDER
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.REFUND,
            icon="❌",
            title="Refund Failed",
            body=f"Contact support. Reference: {event.reference}",
            link=f"/refunds/{event.refund_id}",
            toast=True,
            # Failed after it had completed: the credits have come back to the balance.
            amount_minor=event.amount_minor if event.reversed else None,
            currency=event.currency if event.reversed else None,
            transfer_id=event.transfer_id,
        )

    def on_refund_cancelled(self, event: RefundCancelled) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.REFUND,
            icon="🚫",
            title="Refund Cancelled",
            body=f"Reference: {event.reference}",
            link=f"/refunds/{event.refund_id}",
            toast=False,
        )

    def on_payment_initiated(self, event: PaymentInitiated) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.PAYMENT,
            icon="🚀",
            title="Payment Started",
            body=f"Complete payment to add credits. Reference: {event.reference}",
            link=f"/payments/{event.payment_id}",
            toast=False,
        )

    def on_payment_completed(self, event: PaymentCompleted) -> Notification:
        amount, balance = self._amounts(event)
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.MONEY_IN,
            icon="✅",
            title="Payment Successful",
            body=f"{amount} credits added. New balance: {balance}",
            link=f"/payments/{event.payment_id}",
            toast=True,
            amount_minor=event.amount_minor,
            currency=event.currency,
            transfer_id=event.transfer_id,
        )

    def on_payment_failed(self, event: PaymentFailed) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.PAYMENT,
            icon="❌",
            title="Payment Failed",
            body=f"{event.reason}. Try again or contact support",
            link=f"/payments/{event.payment_id}",
            toast=True,
        )

    def on_activity_flagged(self, event: ActivityFlagged) -> Notification:
        return Notification(
            kind=_kind(event),
            lane=event.LANE,
            category=Category.SECURITY,
            icon="🚨",
            title="Unusual Activity",
            body=f"{event.seen}. Not you? Contact support",
            link=f"/activity/{event.flag_id}",
            toast=True,
        )

    def _amounts(self, event: BalanceChange) -> tuple[str, str]:
        """The amount and the new balance, as a person of the locale writes them."""
        return (
            self._display(event.amount_minor, event.currency),
            self._display(event.balance_after, event.currency),
        )

    def _display(self, minor: int, currency: str) -> str:
        return Money(minor, currency).display(self._locale)


def _discarded(event: LetterDiscarded) -> Suppressed:
    """In words, and in parts for whoever has better ones."""
    return Suppressed(
        f"Discarded at {event.service} by {event.by}: {event.reason}",
        {"discarded": event.event_type, "service": event.service, "by": event.by, "why": event.reason},
    )


def _kind(event: Event) -> str:
    return event.TYPE.rpartition(".v")[0]


def _own_page(link: str | None) -> str | None:
    """Only paths of our own site: an event's link is untrusted, and ``//host`` or ``javascript:`` is not."""
    try:
        return None if link is None else relative_link(link)
    except InvalidText:
        return None
