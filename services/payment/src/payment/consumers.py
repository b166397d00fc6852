"""Events in: what credit has booked or refused, and money that the refund service wants given back."""

from __future__ import annotations

from payment.domain.errors import UnknownPayment
from payment.domain.payment import Balance
from payment.domain.policy import Policy
from payment.handlers.crediting import Booked, complete_payment, flag_uncredited
from payment.handlers.refunding import RequestRefund, request_refund
from shared.events import Envelope
from shared.events.credit import CreditAdded, CreditRejected
from shared.events.refund import RefundProcessing
from shared.inbox import Subscriptions
from shared.money import Money
from shared.outbox import OutboxTransaction


def subscriptions(policy: Policy) -> Subscriptions:
    async def complete(tx: OutboxTransaction, envelope: Envelope, event: CreditAdded) -> None:
        if event.source == "payment":
            booked = Booked(
                user_id=envelope.subject,
                transfer_id=event.transfer_id,
                money=Money(event.amount_minor, event.currency),
                balance=Balance(event.balance_after, event.held_after, event.version),
            )
            await complete_payment(tx, booked, policy)

    async def flag(tx: OutboxTransaction, _: Envelope, event: CreditRejected) -> None:
        if event.source == "payment":
            await flag_uncredited(tx, event.transfer_id, event.reason, policy)

    return {CreditAdded: complete, CreditRejected: flag, RefundProcessing: refund_money}


async def refund_money(tx: OutboxTransaction, envelope: Envelope, event: RefundProcessing) -> None:
    """Raises UnknownPayment where none is named: such an event is nobody's, and is parked."""
    if event.kind != "money":
        return
    if event.payment_id is None:
        raise UnknownPayment
    money = Money(event.amount_minor, event.currency)
    wanted = RequestRefund(event.refund_id, event.payment_id, envelope.subject, money, event.reference)
    await request_refund(tx, wanted)
