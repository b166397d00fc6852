"""Events in: what the ledger does because another service's event says so."""

from __future__ import annotations

from uuid import UUID

from credit.domain.commands import EVENTS, AddCredits, Intent
from credit.handlers.accounts import freeze_account
from credit.handlers.bookings import book_addition
from shared.events import Envelope
from shared.events.activity import ActivityDisputed
from shared.events.payment import PaymentSucceeded
from shared.events.refund import RefundFailed, RefundProcessing
from shared.inbox import Subscriptions
from shared.money import Money
from shared.outbox import OutboxTransaction


async def add_paid_credits(tx: OutboxTransaction, envelope: Envelope, event: PaymentSucceeded) -> None:
    money = Money(event.amount_minor, event.currency)
    command = AddCredits(
        _intent(envelope.subject, money, event.transfer_id),
        envelope.subject,
        money,
        source="payment",
        reason="Top-up",
        reference=event.reference,
        transfer_id=event.transfer_id,
    )
    await book_addition(tx, command)


async def add_refunded_credits(tx: OutboxTransaction, envelope: Envelope, event: RefundProcessing) -> None:
    if event.kind == "credit":  # Money that goes back to a card is not the ledger's to add.
        await book_addition(tx, _returned(envelope, event, event.transfer_id))


async def return_unrefunded_credits(tx: OutboxTransaction, envelope: Envelope, event: RefundFailed) -> None:
    """A refund to the card had completed, and the provider failed it afterwards."""
    if event.reversed and event.transfer_id is not None:
        await book_addition(tx, _returned(envelope, event, event.transfer_id))


async def freeze_disputed(tx: OutboxTransaction, envelope: Envelope, event: ActivityDisputed) -> None:
    if event.freeze:
        await freeze_account(tx, envelope.subject, event.flag_id)


def _returned(envelope: Envelope, event: RefundProcessing | RefundFailed, transfer_id: UUID) -> AddCredits:
    money = Money(event.amount_minor, event.currency)
    return AddCredits(
        _intent(envelope.subject, money, transfer_id),
        envelope.subject,
        money,
        source="refund",
        reason=event.reason,
        reference=event.reference,
        transfer_id=transfer_id,
    )


def _intent(user_id: str, money: Money, transfer_id: UUID) -> Intent:
    """A transfer is one intent, by however many events it is asked for: what was decided is decided."""
    return Intent(EVENTS, str(transfer_id), f"{user_id} {money.currency} {money.minor}")


SUBSCRIPTIONS: Subscriptions = {
    PaymentSucceeded: add_paid_credits,
    RefundProcessing: add_refunded_credits,
    RefundFailed: return_unrefunded_credits,
    ActivityDisputed: freeze_disputed,
}
