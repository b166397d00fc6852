"""The last step of a payment: credit has booked it, or has refused to."""

from __future__ import annotations

from uuid import UUID

from payment.adapters import payments
from payment.domain.machine import Happened
from payment.domain.payment import Balance
from payment.domain.policy import Policy
from payment.domain.provider import Verdict
from payment.handlers.progress import advance
from shared.observability.logs import get_logger
from shared.outbox import OutboxTransaction

log = get_logger(__name__)


async def complete_payment(
    tx: OutboxTransaction, transfer_id: UUID, balance: Balance, policy: Policy
) -> None:
    payment = await payments.lock_by_transfer(tx, transfer_id)
    if payment is None:
        log.warning("payment.unknown_transfer", transfer_id=str(transfer_id))
        return
    await advance(tx, payment, Verdict(Happened.CREDITED), policy, balance=balance)


async def flag_uncredited(tx: OutboxTransaction, transfer_id: UUID, reason: str, policy: Policy) -> None:
    payment = await payments.lock_by_transfer(tx, transfer_id)
    if payment is None:
        log.warning("payment.unknown_transfer", transfer_id=str(transfer_id))
        return
    await advance(tx, payment, Verdict(Happened.CREDIT_REJECTED, reason), policy)
