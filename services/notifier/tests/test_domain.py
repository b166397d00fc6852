"""The copy is the user's own: every row of the catalogue, to the letter."""

from __future__ import annotations

from uuid import UUID

import pytest

from notifier.domain.cursor import can_resume
from notifier.domain.dispatcher import AUTOMATIC, NOT_TWICE, REMINDER, SILENT, NotificationDispatcher
from notifier.domain.incoming import Balance, receive
from notifier.domain.notification import Category, Notification
from shared.events import CATALOGUE, Event, Lane
from shared.events.activity import ActivityFlagged
from shared.events.credit import CreditAdded, CreditDeducted, CreditHeld, CreditLowBalance
from shared.events.payment import PaymentCompleted, PaymentFailed, PaymentInitiated
from shared.events.refund import (
    RefundCancelled,
    RefundCompleted,
    RefundFailed,
    RefundInitiated,
    RefundProcessing,
)
from shared.events.verification import VerificationCodeReceived, VerificationFailed, VerificationInitiated
from shared.money import UnknownCurrency
from shared.streams import Cursor, InvalidCursor
from shared.testing.deliveries import envelope_of

ID = UUID("018f0000-0000-7000-8000-000000000001")
VERIFICATION = {"verification_id": ID, "service": "WhatsApp"}
PAYMENT = {"payment_id": ID, "currency": "USD", "amount_minor": 10_00, "reference": "PAY-1"}
REFUND = {
    "refund_id": ID,
    "currency": "USD",
    "amount_minor": 2_50,
    "reference": "REF-1",
    "reason": "a wrong number",
}
CHANGE = {
    "transfer_id": ID,
    "currency": "USD",
    "amount_minor": 2_50,
    "balance_after": 1234_50,
    "held_after": 1_00,
    "version": 7,
}

# event → text, lane, toast, link, signed amount
ROWS: list[tuple[Event, str, str, bool, str, str | None]] = [
    (
        VerificationInitiated(**VERIFICATION),
        "🚀 Verification Started - Waiting for SMS...",
        "high",
        True,
        f"/verifications/{ID}",
        None,
    ),
    (
        CreditDeducted(**CHANGE, reason="fee", service="WhatsApp", link=f"/verifications/{ID}"),
        "💳 Credits Deducted - $2.50 for WhatsApp. New balance: $1,234.50",
        "critical",
        True,
        f"/verifications/{ID}",
        "-2.50",
    ),
    (
        VerificationCodeReceived(**VERIFICATION, code="90210"),
        "✅ SMS Code Received! Code: 90210",
        "standard",
        True,
        f"/verifications/{ID}",
        None,
    ),
    (
        VerificationFailed(**VERIFICATION, reason="no numbers"),
        "❌ Verification Failed - Your credits were not charged",
        "high",
        True,
        f"/verifications/{ID}",
        None,
    ),
    (
        RefundInitiated(**REFUND),
        "🔄 Refund Initiated - $2.50 for a wrong number. Reference: REF-1",
        "critical",
        True,
        f"/refunds/{ID}",
        None,
    ),
    (
        RefundProcessing(**REFUND, transfer_id=ID),
        "⏳ Refund Processing - Your refund of $2.50 is being processed",
        "high",
        False,
        f"/refunds/{ID}",
        None,
    ),
    (
        RefundCompleted(**CHANGE, refund_id=ID, reference="REF-1", reason="a wrong number"),
        "✅ Refund Completed - $2.50 refunded successfully! New balance: $1,234.50",
        "critical",
        True,
        f"/refunds/{ID}",
        "+2.50",
    ),
    (
        RefundCompleted(
            **CHANGE,
            refund_id=ID,
            reference="REF-1",
            reason="timeout",
            auto=True,
            service="WhatsApp",
            verification_id=ID,
        ),
        "💰 Instant Refund - $2.50 refunded for WhatsApp (timeout)",
        "critical",
        True,
        f"/verifications/{ID}",
        "+2.50",
    ),
    (
        RefundFailed(**REFUND),
        "❌ Refund Failed - Contact support. Reference: REF-1",
        "critical",
        True,
        f"/refunds/{ID}",
        None,
    ),
    (
        RefundCancelled(**REFUND),
        "🚫 Refund Cancelled - Reference: REF-1",
        "high",
        False,
        f"/refunds/{ID}",
        None,
    ),
    (
        PaymentInitiated(**PAYMENT),
        "🚀 Payment Started - Complete payment to add credits. Reference: PAY-1",
        "high",
        False,
        f"/payments/{ID}",
        None,
    ),
    (
        PaymentCompleted(**CHANGE, payment_id=ID, reference="PAY-1"),
        "✅ Payment Successful - $2.50 credits added. New balance: $1,234.50",
        "critical",
        True,
        f"/payments/{ID}",
        "+2.50",
    ),
    (
        PaymentFailed(**PAYMENT, reason="The card was declined"),
        "❌ Payment Failed - The card was declined. Try again or contact support",
        "critical",
        True,
        f"/payments/{ID}",
        None,
    ),
    (
        CreditAdded(**CHANGE, source="bonus", reason="welcome"),
        "💰 Credits Added - $2.50 added. Reason: welcome. New balance: $1,234.50",
        "high",
        True,
        "/history",
        "+2.50",
    ),
    (
        CreditLowBalance(currency="USD", balance_after=90, threshold=1_00),
        "⚠️ Low Balance - Add credits to continue",
        "standard",
        True,
        "/topup",
        None,
    ),
    (
        ActivityFlagged(flag_id=ID, seen="12 debits in a minute"),
        "🚨 Unusual Activity - 12 debits in a minute. Not you? Contact support",
        "critical",
        True,
        f"/activity/{ID}",
        None,
    ),
]

dispatcher = NotificationDispatcher()


@pytest.mark.parametrize(("event", "text", "lane", "toast", "link", "amount"), ROWS)
def test_every_row_of_the_catalogue_is_said_to_the_letter(
    event: Event, text: str, lane: str, toast: bool, link: str, amount: str | None
) -> None:
    said = dispatcher.dispatch(event)

    assert isinstance(said, Notification)
    assert said.text == text
    assert (said.lane, said.toast, said.link, said.amount) == (Lane(lane), toast, link, amount)
    assert said.kind == event.TYPE.removesuffix(".v1")
    assert text.startswith(said.icon)
    assert text.endswith(said.body)
    assert said.title in text


def test_there_are_sixteen_rows_and_a_method_for_each() -> None:
    assert len(ROWS) == 16
    assert {event.TYPE for event, *_ in ROWS} == dispatcher.shown_types


def test_what_the_user_named_is_there_by_its_name() -> None:
    named = {
        "on_verification_initiated",
        "on_credits_deducted_enhanced",
        "on_sms_received",
        "on_verification_failed",
        "on_refund_initiated",
        "on_refund_processing",
        "on_refund_completed",
        "on_refund_failed",
        "on_refund_cancelled",
        "on_credits_added",
        "on_payment_initiated",
        "on_payment_completed",
        "on_payment_failed",
        "on_low_balance",
        "on_activity_flagged",
    }

    assert all(callable(getattr(dispatcher, name)) for name in named)


def test_every_other_type_of_the_catalogue_is_known_to_be_silent() -> None:
    assert CATALOGUE.keys() - dispatcher.shown_types == {
        "credit.held.v1",
        "credit.released.v1",
        "credit.rejected.v1",
        "payment.succeeded.v1",
        "payment.flagged.v1",
        "verification.number_assigned.v1",
        "payment.refunded.v1",
        "payment.refund_failed.v1",
        "verification.timed_out.v1",
        "verification.cancelled.v1",
        "verification.late_sms.v1",
        "activity.confirmed.v1",
        "activity.disputed.v1",
        "letter.discarded.v1",
    }


@pytest.mark.parametrize("source", ["payment", "refund"])
def test_credits_added_by_a_payment_or_refund_move_the_balance_and_ring_no_bell(source: str) -> None:
    event = CreditAdded.model_validate({**CHANGE, "source": source, "reason": "-"})

    received = receive(envelope_of(event, "u"), dispatcher)

    assert (received.notification, received.suppressed) == (None, NOT_TWICE)
    assert received.balance == Balance("USD", posted_minor=1235_50, held_minor=1_00, version=7)


def test_a_hold_moves_the_balance_in_silence() -> None:
    received = receive(envelope_of(CreditHeld(**CHANGE, reason="sms"), "u"), dispatcher)

    assert (received.notification, received.suppressed) == (None, SILENT)
    assert received.balance is not None


def test_the_steps_of_an_automatic_refund_are_not_shown() -> None:
    assert dispatcher.dispatch(RefundInitiated(**REFUND, auto=True)) == AUTOMATIC
    assert dispatcher.dispatch(RefundProcessing(**REFUND, auto=True, transfer_id=ID)) == AUTOMATIC


def test_a_reminder_to_another_service_is_not_told_to_the_user() -> None:
    assert dispatcher.dispatch(RefundProcessing(**REFUND, transfer_id=ID, reminder=True)) == REMINDER
    failed = RefundFailed(**REFUND, reversed=True, transfer_id=ID, reminder=True)
    assert dispatcher.dispatch(failed) == REMINDER


def test_a_debit_without_a_service_names_its_reason() -> None:
    said = dispatcher.dispatch(CreditDeducted(**CHANGE, reason="a monthly fee"))

    assert isinstance(said, Notification)
    assert said.text == "💳 Credits Deducted - $2.50 for a monthly fee. New balance: $1,234.50"
    assert said.link == "/history"
    assert said.category is Category.MONEY_OUT


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "//evil.example", "/\\evil.example", "/\t/evil.example", "https://a.b/"]
)
def test_a_link_that_leaves_our_pages_is_not_passed_on(link: str) -> None:
    said = dispatcher.dispatch(CreditDeducted(**CHANGE, reason="fee", link=link))

    assert isinstance(said, Notification)
    assert said.link == "/history"


def test_amounts_have_the_digits_of_their_currency() -> None:
    said = dispatcher.dispatch(CreditAdded(**CHANGE | {"currency": "JPY"}, source="manual", reason="x"))

    assert isinstance(said, Notification)
    assert said.text == "💰 Credits Added - ¥250 added. Reason: x. New balance: ¥123,450"
    assert said.amount == "+250"


def test_a_currency_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        dispatcher.dispatch(CreditAdded(**CHANGE | {"currency": "ZZZ"}, source="manual", reason="x"))


def test_what_may_be_secret_is_in_no_repr() -> None:
    event = VerificationCodeReceived(**VERIFICATION, code="90210")

    assert "90210" not in repr(dispatcher.dispatch(event))
    assert "90210" not in repr(receive(envelope_of(event, "u"), dispatcher))


@pytest.mark.parametrize(
    ("cursor", "head", "possible"),
    [
        ("1:0", "1:0", True),
        ("1:0", "1:500", True),
        ("1:0", "1:501", False),
        ("1:7", "1:6", False),
        ("1:7", "2:7", False),
    ],
)
def test_a_cursor_resumes_within_its_epoch_and_five_hundred(cursor: str, head: str, possible: bool) -> None:
    assert can_resume(Cursor.parse(cursor), Cursor.parse(head)) is possible


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":1", "a:b", "1:2:3", "-1:0", "1:٣", f"1:{'9' * 19}", "1:1\n"]
)
def test_what_is_not_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        Cursor.parse(text)
