"""Events in: what is observed of each, and nothing else of it; codes and numbers are none of its business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from monitor.domain.observation import Kind, Observation
from monitor.handlers.observe import observe
from monitor.handlers.rulebook import Rulebook
from shared.events import Envelope
from shared.events.credit import CreditDeducted
from shared.events.payment import FailureCause, PaymentCompleted, PaymentFailed
from shared.events.refund import RefundInitiated
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationNumberAssigned,
    VerificationTimedOut,
)
from shared.inbox import Subscriptions
from shared.outbox import OutboxTransaction


def subscriptions(book: Rulebook) -> Subscriptions:
    async def spent(tx: OutboxTransaction, envelope: Envelope, event: CreditDeducted) -> None:
        observed = Observation(
            envelope.subject,
            Kind.SPENT,
            event.transfer_id,
            envelope.time,
            event.currency,
            event.amount_minor,
        )
        await observe(tx, book.rules, observed)

    async def refund_asked(tx: OutboxTransaction, envelope: Envelope, event: RefundInitiated) -> None:
        if not event.auto:  # What goes back by itself nobody has asked for.
            await observe(tx, book.rules, _fact(envelope, Kind.REFUND_ASKED, event.refund_id))

    async def payment_failed(tx: OutboxTransaction, envelope: Envelope, event: PaymentFailed) -> None:
        if event.cause is FailureCause.DECLINED:  # Whoever changes their mind tries out no cards.
            await observe(tx, book.rules, _fact(envelope, Kind.PAYMENT_FAILED, event.payment_id))

    return {
        CreditDeducted: spent,
        RefundInitiated: refund_asked,
        PaymentFailed: payment_failed,
        PaymentCompleted: _seen(book, Kind.PAYMENT_COMPLETED, lambda event: event.payment_id),
        VerificationNumberAssigned: _seen(book, Kind.NUMBER_ASSIGNED, _verification),
        VerificationCodeReceived: _seen(book, Kind.CODE_RECEIVED, _verification),
        VerificationTimedOut: _seen(book, Kind.NO_CODE, _verification),
        VerificationCancelled: _seen(book, Kind.NO_CODE, _verification),
    }


def _seen(
    book: Rulebook, kind: Kind, subject: Callable[[Any], UUID]
) -> Callable[[OutboxTransaction, Envelope, Any], Awaitable[None]]:
    async def subscription(tx: OutboxTransaction, envelope: Envelope, event: Any) -> None:
        await observe(tx, book.rules, _fact(envelope, kind, subject(event)))

    return subscription


def _fact(envelope: Envelope, kind: Kind, subject: UUID) -> Observation:
    return Observation(envelope.subject, kind, subject, envelope.time)


def _verification(event: Any) -> UUID:
    verification_id: UUID = event.verification_id
    return verification_id
