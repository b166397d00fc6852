"""The last step of a payment: credit has booked it, by itself or by an operator's hand, or has refused to."""

from __future__ import annotations

from uuid import UUID

from payment.adapters import payments
from payment.domain.machine import Happened, State
from payment.domain.payment import Balance
from payment.domain.policy import Policy
from payment.domain.provider import Verdict
from payment.handlers.progress import advance
from shared.money import Money
from shared.observability.logs import get_logger
from shared.outbox import OutboxTransaction

log = get_logger(__name__)


async def complete_payment(
    tx: OutboxTransaction, transfer_id: UUID, money: Money, balance: Balance, policy: Policy
) -> None:
    """An operator may book what was really paid; with another sum the payment stays in review."""
    payment = await payments.lock_by_transfer(tx, transfer_id)
    if payment is None:
        log.warning("payment.unknown_transfer", transfer_id=str(transfer_id))
        return
    moved = None
    if money == payment.money:
        moved = await advance(tx, payment, Verdict(Happened.CREDITED), policy, balance=balance)
    if moved is None and payment.state is not State.COMPLETED:
        log.warning("payment.not_completed", payment_id=str(payment.id), state=payment.state)


async def flag_uncredited(tx: OutboxTransaction, transfer_id: UUID, reason: str, policy: Policy) -> None:
    payment = await payments.lock_by_transfer(tx, transfer_id)
    if payment is None:
        log.warning("payment.unknown_transfer", transfer_id=str(transfer_id))
        return
    await advance(tx, payment, Verdict(Happened.CREDIT_REJECTED, reason), policy)
