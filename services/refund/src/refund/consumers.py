"""Events in: what can be refunded, what has to be, and what others say became of a refund."""

from __future__ import annotations

from uuid import UUID

from refund.adapters import refundables
from refund.domain.pace import Pace
from refund.domain.refund import AutoReason, Booked, Refundable, RefundableKind
from refund.handlers import outcomes
from refund.handlers.auto import refund_automatically
from shared.events import Envelope
from shared.events.credit import CreditAdded, CreditRejected
from shared.events.payment import PaymentCompleted, PaymentRefunded, PaymentRefundFailed
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationNumberAssigned,
    VerificationTimedOut,
)
from shared.inbox import Subscriptions
from shared.money import Money
from shared.outbox import OutboxTransaction


def subscriptions(pace: Pace) -> Subscriptions:
    async def added(tx: OutboxTransaction, _: Envelope, event: CreditAdded) -> None:
        if event.source == "refund":
            booked = Booked(event.transfer_id, event.balance_after, event.held_after, event.version)
            await outcomes.credit_added(tx, pace, booked)

    async def rejected(tx: OutboxTransaction, _: Envelope, event: CreditRejected) -> None:
        if event.source == "refund":
            await outcomes.credit_rejected(tx, pace, event.transfer_id, event.reason)

    async def returned(tx: OutboxTransaction, _: Envelope, event: PaymentRefunded) -> None:
        money = Money(event.amount_minor, event.currency)
        await outcomes.money_returned(tx, pace, event.refund_id, money)

    async def refused(tx: OutboxTransaction, _: Envelope, event: PaymentRefundFailed) -> None:
        await outcomes.money_refused(tx, pace, event.refund_id, event.reason)

    async def timed_out(tx: OutboxTransaction, envelope: Envelope, event: VerificationTimedOut) -> None:
        await _give_back(tx, pace, _verification(envelope, event, "timeout"))

    async def cancelled(tx: OutboxTransaction, envelope: Envelope, event: VerificationCancelled) -> None:
        await _give_back(tx, pace, _verification(envelope, event, "cancelled"))

    return {
        CreditAdded: added,
        CreditRejected: rejected,
        PaymentCompleted: learn_of_payment,
        PaymentRefunded: returned,
        PaymentRefundFailed: refused,
        VerificationNumberAssigned: learn_of_verification,
        VerificationCodeReceived: learn_of_code,
        VerificationTimedOut: timed_out,
        VerificationCancelled: cancelled,
    }


async def learn_of_payment(tx: OutboxTransaction, envelope: Envelope, event: PaymentCompleted) -> None:
    await refundables.learn(tx, _refundable(event.payment_id, "payment", envelope, event))


async def learn_of_verification(
    tx: OutboxTransaction, envelope: Envelope, event: VerificationNumberAssigned
) -> None:
    await refundables.learn(tx, _verification(envelope, event, None))


async def learn_of_code(tx: OutboxTransaction, _: Envelope, event: VerificationCodeReceived) -> None:
    """That there is one; it is nobody's business here what it says."""
    await refundables.complete(tx, event.verification_id)


async def _give_back(tx: OutboxTransaction, pace: Pace, verification: Refundable) -> None:
    await refundables.learn(tx, verification)
    known = await refundables.lock(tx, verification.id)
    assert known is not None
    await refund_automatically(tx, pace, known)


def _verification(
    envelope: Envelope,
    event: VerificationNumberAssigned | VerificationTimedOut | VerificationCancelled,
    auto_reason: AutoReason | None,
) -> Refundable:
    return _refundable(
        event.verification_id, "verification", envelope, event, service=event.service, auto_reason=auto_reason
    )


def _refundable(
    id_: UUID,
    kind: RefundableKind,
    envelope: Envelope,
    event: PaymentCompleted | VerificationNumberAssigned | VerificationTimedOut | VerificationCancelled,
    *,
    service: str | None = None,
    auto_reason: AutoReason | None = None,
) -> Refundable:
    return Refundable(
        id=id_,
        kind=kind,
        user_id=envelope.subject,
        currency=event.currency,
        amount_minor=event.amount_minor,
        reserved_minor=0,
        service=service,
        transfer_id=event.transfer_id,
        reference=event.reference if isinstance(event, PaymentCompleted) else None,
        auto_reason=auto_reason,
    )
