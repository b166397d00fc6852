"""A user's side of a payment: begun, looked at, given up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from payment.adapters import payments
from payment.domain.errors import AmountOutOfRange, KeyReused, StateConflict, TooManyOpen
from payment.domain.machine import ENDED, OPEN, Happened, State
from payment.domain.payment import Intent, Payment
from payment.domain.policy import Policy
from payment.domain.provider import Checkout, Verdict, judge
from payment.handlers.progress import MOVED, advance
from shared.db import Transaction
from shared.events.payment import PaymentInitiated
from shared.outbox import OutboxTransaction
from shared.pages import Page, decode, page_of

if TYPE_CHECKING:
    from asyncpg import Record


async def initialize_payment(tx: OutboxTransaction, intent: Intent, policy: Policy) -> tuple[Payment, bool]:
    """The payment of this intent, and whether it is new: then, and only then, its provider is to be asked.

    Raises KeyReused, AmountOutOfRange, TooManyOpen.
    """
    await payments.lock_user(tx, intent.user_id)
    known = await payments.get(tx, intent.id)
    if known is not None:
        if known.fingerprint != intent.fingerprint:
            raise KeyReused
        return known, False
    if not policy.min_amount <= intent.money.decimal <= policy.max_amount:
        raise AmountOutOfRange(policy.min_amount, policy.max_amount)
    if await payments.count_open(tx, intent.user_id) >= policy.max_open:
        raise TooManyOpen
    made = await payments.insert(tx, intent, policy)
    MOVED.labels(made.state).inc()
    event = PaymentInitiated(
        payment_id=made.id,
        currency=made.money.currency,
        amount_minor=made.money.minor,
        reference=made.reference,
    )
    await tx.publish(made.user_id, event)
    return made, True


async def tell(tx: OutboxTransaction, payment_id: UUID, verdict: Verdict, policy: Policy) -> Payment:
    """Something that needs no look at the provider has happened; the payment afterwards."""
    payment = await _locked(tx, payment_id)
    await advance(tx, payment, verdict, policy)
    return await _now(tx, payment_id)


async def record(
    tx: OutboxTransaction, payment_id: UUID, checkout: Checkout, policy: Policy
) -> tuple[Payment, bool]:
    """What the provider says of a checkout, applied to the payment as it is now; whether that changed it."""
    payment = await _locked(tx, payment_id)
    verdict = judge(payment, checkout)
    if verdict is None:
        return payment, False
    await payments.learn(tx, payment_id, checkout.provider_id, checkout.checkout_url)
    moved = await advance(tx, payment, verdict, policy)
    if payment.state in ENDED and verdict.happened is Happened.ACCEPTED:
        await payments.close_soon(tx, payment_id)
    return await _now(tx, payment_id), moved is not None


async def give_up(tx: OutboxTransaction, payment: Payment, policy: Policy) -> Payment:
    """The user wants to pay no more. Raises StateConflict where it is not theirs to say any more."""
    locked = await _locked(tx, payment.id)
    if locked.state in OPEN:
        await advance(tx, locked, Verdict(Happened.GIVEN_UP, "cancelled"), policy)
        return await _now(tx, payment.id)
    if locked.state is not State.CANCELLED:
        raise StateConflict(locked.state)
    return locked


async def history(tx: Transaction, user_id: str, before: str | None, limit: int) -> Page[Record]:
    """Newest first. Raises InvalidCursor."""
    number = None if before is None else decode(before)
    return page_of(await payments.select_of_user(tx, user_id, number, limit + 1), limit)


async def _locked(tx: Transaction, payment_id: UUID) -> Payment:
    payment = await payments.lock(tx, payment_id)
    assert payment is not None, "payments are never deleted"
    return payment


async def _now(tx: Transaction, payment_id: UUID) -> Payment:
    payment = await payments.get(tx, payment_id)
    assert payment is not None, "payments are never deleted"
    return payment
