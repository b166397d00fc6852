"""One example of every event: Ada tops up, verifies a number, is refunded, and meets what can go wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from shared.events import activity, credit, letter, payment, refund, verification
from shared.events.contract import Event, Lane
from shared.events.envelope import Envelope
from shared.events.notifier import (
    BalanceChanged,
    NotificationCreated,
    NotificationRead,
    PushBatch,
    StreamHead,
)
from shared.events.receipts import Acknowledged, Pushed, ReceiptBatch


def _id(number: int) -> UUID:
    return UUID(f"0198c0de-7a11-7c3e-9d5b-{number:012d}")


_USER, _CURRENCY, _SERVICE = "ada", "USD", "WhatsApp"
_AT = datetime(2026, 3, 14, 15, 9, 26, 535897, UTC)
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_EVENT, _CAUSE = _id(1), _id(2)
_PAYMENT, _PAID = _id(11), _id(12)
_BONUS = _id(13)
_VERIFICATION, _HOLD, _CHARGED = _id(21), _id(22), _id(23)
_REFUND, _RETURNED = _id(31), _id(32)
_FLAG = _id(41)
_PAY, _VER, _REF = "PAY-7F3K9Q2M4C1X", "VER-2H8N5T0W6D9B", "REF-4J7P1S3V8E5A"

EXAMPLES: tuple[Event, ...] = (
    credit.CreditAdded(
        transfer_id=_BONUS,
        currency=_CURRENCY,
        amount_minor=5_00,
        balance_after=5_00,
        held_after=0,
        version=1,
        source="bonus",
        reason="Welcome",
    ),
    credit.CreditDeducted(
        transfer_id=_CHARGED,
        currency=_CURRENCY,
        amount_minor=3_50,
        balance_after=26_50,
        held_after=0,
        version=4,
        reason="WhatsApp verification",
        service=_SERVICE,
        reference=_VER,
        link=f"/verifications/{_VERIFICATION}",
    ),
    credit.CreditHeld(
        transfer_id=_HOLD,
        currency=_CURRENCY,
        amount_minor=3_50,
        balance_after=26_50,
        held_after=3_50,
        version=3,
        reason="WhatsApp verification",
        reference=_VER,
    ),
    credit.CreditReleased(
        transfer_id=_HOLD,
        currency=_CURRENCY,
        amount_minor=3_50,
        balance_after=30_00,
        held_after=0,
        version=4,
        cause="voided",
        reference=_VER,
    ),
    credit.CreditLowBalance(currency=_CURRENCY, balance_after=4_75, threshold=5_00),
    credit.CreditRejected(
        transfer_id=_PAID,
        currency=_CURRENCY,
        amount_minor=25_00,
        source="payment",
        reason="account_closed",
        reference=_PAY,
    ),
    payment.PaymentInitiated(payment_id=_PAYMENT, currency=_CURRENCY, amount_minor=25_00, reference=_PAY),
    payment.PaymentSucceeded(
        payment_id=_PAYMENT, currency=_CURRENCY, amount_minor=25_00, reference=_PAY, transfer_id=_PAID
    ),
    payment.PaymentCompleted(
        transfer_id=_PAID,
        currency=_CURRENCY,
        amount_minor=25_00,
        balance_after=30_00,
        held_after=0,
        version=2,
        payment_id=_PAYMENT,
        reference=_PAY,
    ),
    payment.PaymentFailed(
        payment_id=_PAYMENT,
        currency=_CURRENCY,
        amount_minor=25_00,
        reference=_PAY,
        reason="Your card was declined",
        cause=payment.FailureCause.DECLINED,
    ),
    payment.PaymentFlagged(
        payment_id=_PAYMENT, currency=_CURRENCY, amount_minor=25_00, reference=_PAY, reason="amount_mismatch"
    ),
    payment.PaymentRefunded(
        payment_id=_PAYMENT, currency=_CURRENCY, amount_minor=10_00, reference=_PAY, refund_id=_REFUND
    ),
    payment.PaymentRefundFailed(
        payment_id=_PAYMENT,
        currency=_CURRENCY,
        amount_minor=10_00,
        reference=_PAY,
        refund_id=_REFUND,
        reason="charge_already_refunded",
    ),
    refund.RefundInitiated(
        refund_id=_REFUND,
        currency=_CURRENCY,
        amount_minor=10_00,
        reference=_REF,
        reason="Paid twice",
        kind="money",
        payment_id=_PAYMENT,
    ),
    refund.RefundProcessing(
        refund_id=_REFUND,
        currency=_CURRENCY,
        amount_minor=10_00,
        reference=_REF,
        reason="Paid twice",
        kind="money",
        payment_id=_PAYMENT,
        transfer_id=_HOLD,
    ),
    refund.RefundCompleted(
        transfer_id=_RETURNED,
        currency=_CURRENCY,
        amount_minor=3_50,
        balance_after=30_00,
        held_after=0,
        version=5,
        refund_id=_REFUND,
        reference=_REF,
        reason="timeout",
        auto=True,
        service=_SERVICE,
        verification_id=_VERIFICATION,
    ),
    refund.RefundFailed(
        refund_id=_REFUND,
        currency=_CURRENCY,
        amount_minor=10_00,
        reference=_REF,
        reason="Paid twice",
        kind="money",
        payment_id=_PAYMENT,
        reversed=True,
        transfer_id=_RETURNED,
    ),
    refund.RefundCancelled(
        refund_id=_REFUND,
        currency=_CURRENCY,
        amount_minor=10_00,
        reference=_REF,
        reason="Paid twice",
        kind="money",
        payment_id=_PAYMENT,
    ),
    verification.VerificationInitiated(verification_id=_VERIFICATION, service=_SERVICE),
    verification.VerificationNumberAssigned(
        verification_id=_VERIFICATION,
        service=_SERVICE,
        currency=_CURRENCY,
        amount_minor=3_50,
        transfer_id=_CHARGED,
        phone_number="+447700900123",
    ),
    verification.VerificationCodeReceived(verification_id=_VERIFICATION, service=_SERVICE, code="48213"),
    verification.VerificationFailed(verification_id=_VERIFICATION, service=_SERVICE, reason="no_numbers"),
    verification.VerificationTimedOut(
        verification_id=_VERIFICATION,
        service=_SERVICE,
        currency=_CURRENCY,
        amount_minor=3_50,
        transfer_id=_CHARGED,
    ),
    verification.VerificationCancelled(
        verification_id=_VERIFICATION,
        service=_SERVICE,
        currency=_CURRENCY,
        amount_minor=3_50,
        transfer_id=_CHARGED,
    ),
    verification.VerificationLateSms(verification_id=_VERIFICATION, service=_SERVICE),
    activity.ActivityFlagged(
        flag_id=_FLAG,
        seen="5 debits of $1.00 or less within 30 minutes",
        rules=("small-debits",),
        score=0.7,
    ),
    activity.ActivityConfirmed(flag_id=_FLAG),
    activity.ActivityDisputed(flag_id=_FLAG, freeze=True),
    letter.LetterDiscarded(
        event_id=_CAUSE,
        event_type="payment.succeeded.v1",
        service="credit",
        by="olga",
        reason="Booked by hand",
        transfer_id=_PAID,
    ),
)

STORED_EXAMPLE = PushBatch(
    items=[
        NotificationCreated(
            user_id=_USER,
            epoch=1,
            seq=7,
            id=_EVENT,
            kind="credit.deducted",
            lane=Lane.CRITICAL,
            icon="💳",
            title="Credits Deducted",
            body="$3.50 for WhatsApp. New balance: $26.50",
            text="💳 Credits Deducted - $3.50 for WhatsApp. New balance: $26.50",
            link=f"/verifications/{_VERIFICATION}",
            toast=True,
            amount="-3.50",
            currency=_CURRENCY,
            transfer_id=_CHARGED,
            occurred_at=_AT,
            read=False,
            unread=2,
            rev=9,
        ),
        BalanceChanged(user_id=_USER, currency=_CURRENCY, posted_minor=26_50, held_minor=0, version=4),
        NotificationRead(user_id=_USER, epoch=1, seq=7, read_seq=7, ids=(), unread=0, rev=10),
        StreamHead(user_id=_USER, epoch=1, seq=7),
    ]
)

_TABS = {"user_id": _USER, "epoch": 1, "at": _AT}

RECEIPTS_EXAMPLE = ReceiptBatch(
    gateway="6b1f4a0c2d3e4f5a8b9c0d1e2f3a4b5c",
    number=1,
    pushed=[Pushed.model_validate({**_TABS, "seq": 6, "up_to": 7, "tabs": 2})],
    acknowledged=[
        Acknowledged.model_validate(
            {**_TABS, "seq": 6, "up_to": 7, "session": "0f9e8d7c6b5a49382716051423324150", "sent_from": 7}
        )
    ],
)


def envelope_of(event: Event) -> Envelope:
    """The event on its way."""
    return Envelope(
        id=_EVENT,
        type=event.TYPE,
        source=event.TYPE.partition(".")[0],
        subject=_USER,
        time=_AT,
        data=event.model_dump_json().encode(),
        traceparent=f"00-{_TRACE}-00f067aa0ba902b7-01",
        correlationid=_TRACE,
        causationid=str(_CAUSE),
    )
