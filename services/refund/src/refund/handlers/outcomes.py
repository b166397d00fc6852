"""What others say became of a refund: credit that it is booked, payment that the money is back or is not."""

from __future__ import annotations

from uuid import UUID

from prometheus_client import Counter

from refund.adapters import refunds
from refund.domain.errors import UnknownRefund
from refund.domain.machine import ASKED_FOR_MONEY, Happening, State
from refund.domain.pace import Pace
from refund.domain.refund import Booked, Case, Failure, Refund
from refund.handlers.advance import advance
from refund.handlers.auto import refund_automatically
from shared.money import Money
from shared.observability.logs import get_logger
from shared.outbox import OutboxTransaction

log = get_logger(__name__)

REVIEWS = Counter("refund_reviews_total", "Refunds a person has to look at, by their cause.", ["cause"])


def ask_for_review(refund: Refund, cause: str, **details: object) -> None:
    """The alert: nothing here can put it right."""
    REVIEWS.labels(cause).inc()
    log.critical(
        "refund.requires_review",
        cause=cause,
        refund_id=str(refund.id),
        reference=refund.reference,
        state=refund.state,
        **details,
    )


async def credit_added(tx: OutboxTransaction, pace: Pace, booked: Booked) -> None:
    """Somebody's refund is on the balance, or what a failed one had taken is back."""
    refund = await refunds.find_by_transfer(tx, booked.transfer_id)
    if refund is not None:
        await complete(tx, pace, refund.id, booked)
        return
    reversed_ = await refunds.find_by_compensation(tx, booked.transfer_id)
    if reversed_ is not None:
        await refunds.lock(tx, reversed_.id)
        await refunds.put_off(tx, reversed_.id, None, 0)


async def complete(tx: OutboxTransaction, pace: Pace, refund_id: UUID, booked: Booked) -> None:
    case = await _lock(tx, refund_id)
    await advance(tx, pace, case, Happening.CREDITED, booked=booked)


async def credit_rejected(tx: OutboxTransaction, pace: Pace, transfer_id: UUID, reason: str) -> None:
    """The ledger cannot book it: the refund has failed; of a reversal, that its credits are still missing."""
    refund = await refunds.find_by_transfer(tx, transfer_id)
    if refund is None:
        reversed_ = await refunds.find_by_compensation(tx, transfer_id)
        if reversed_ is not None:
            ask_for_review(reversed_, "reversal_rejected", reason=reason)
        return
    case = await _lock(tx, refund.id)
    failure = Failure("credit_rejected", reason)
    after = await advance(tx, pace, case, Happening.CREDIT_REJECTED, failure=failure)
    # A refund by hand stood in the automatic one's way, and no longer does.
    if after.state is State.FAILED and not after.auto and case.refundable.auto_reason is not None:
        await refund_automatically(tx, pace, case.refundable)


async def money_returned(tx: OutboxTransaction, pace: Pace, refund_id: UUID, money: Money) -> None:
    """The provider has given the money back. Raises UnknownRefund."""
    case = await _lock_to_card(tx, refund_id)
    if case.refund.state not in ASKED_FOR_MONEY or case.refund.money != money:
        # Money has left that nothing here accounts for.
        ask_for_review(case.refund, "money_left", amount=money.amount, currency=money.currency)
        return
    await advance(tx, pace, case, Happening.MONEY_RETURNED)


async def money_refused(tx: OutboxTransaction, pace: Pace, refund_id: UUID, reason: str) -> None:
    """The provider has refused the refund, or failed it after it had succeeded. Raises UnknownRefund."""
    case = await _lock_to_card(tx, refund_id)
    await advance(tx, pace, case, Happening.MONEY_REFUSED, failure=Failure("provider_refused", reason))


async def _lock_to_card(tx: OutboxTransaction, refund_id: UUID) -> Case:
    case = await _lock(tx, refund_id)
    if case.refund.kind != "money":
        raise UnknownRefund
    return case


async def _lock(tx: OutboxTransaction, refund_id: UUID) -> Case:
    case = await refunds.lock(tx, refund_id)
    if case is None:
        raise UnknownRefund
    return case
