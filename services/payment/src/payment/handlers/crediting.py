"""The last step of a payment: credit has booked it, by itself or by an operator's hand, or has refused to."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Booked:
    """What credit says it has added under a payment's transfer id, and the balance after it."""

    user_id: str
    transfer_id: UUID
    money: Money
    balance: Balance


async def complete_payment(tx: OutboxTransaction, booked: Booked, policy: Policy) -> None:
    """An operator may book it too; another sum, or one for another user, completes nothing."""
    payment = await payments.lock_by_transfer(tx, booked.transfer_id)
    if payment is None:
        log.warning("payment.unknown_transfer", transfer_id=str(booked.transfer_id))
        return
    moved = None
    if (booked.user_id, booked.money) == (payment.user_id, payment.money):
        moved = await advance(tx, payment, Verdict(Happened.CREDITED), policy, balance=booked.balance)
    if moved is None and payment.state is not State.COMPLETED:
        log.warning("payment.not_completed", payment_id=str(payment.id), state=payment.state)


async def flag_uncredited(tx: OutboxTransaction, transfer_id: UUID, reason: str, policy: Policy) -> None:
    payment = await payments.lock_by_transfer(tx, transfer_id)
    if payment is None:
        log.warning("payment.unknown_transfer", transfer_id=str(transfer_id))
        return
    await advance(tx, payment, Verdict(Happened.CREDIT_REJECTED, reason), policy)
