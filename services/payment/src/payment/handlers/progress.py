"""The one way a payment or a refund changes: its table decides, its row is locked, its event is written."""

from __future__ import annotations

from prometheus_client import Counter

from payment.adapters import payments, refunds
from payment.domain.machine import (
    CAUSES,
    Publishes,
    RefundState,
    State,
    refund_transition_of,
    transition_of,
)
from payment.domain.names import outcome_event_of
from payment.domain.payment import Balance, Payment, ProviderRefund
from payment.domain.policy import Policy
from payment.domain.provider import RefundVerdict, Verdict
from shared.events import Event
from shared.events.payment import (
    PaymentCompleted,
    PaymentFailed,
    PaymentFlagged,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentSucceeded,
)
from shared.observability.logs import get_logger
from shared.outbox import OutboxTransaction, keep

log = get_logger(__name__)

MOVED = Counter("payment_moved_total", "Payments that came into a state.", ["state"])
REFUND_MOVED = Counter(
    "payment_refund_moved_total", "Refunds at providers that came into a state.", ["state"]
)


async def advance(
    tx: OutboxTransaction,
    payment: Payment,
    verdict: Verdict,
    policy: Policy,
    *,
    balance: Balance | None = None,
) -> State | None:
    """Tell a locked payment what has happened; its new state, or None where that changes nothing."""
    transition = transition_of(payment.state, payment.reason, verdict.happened)
    if transition is None:
        return None
    await payments.move(tx, payment, transition.to, verdict.reason, policy.due_after(transition.to))
    MOVED.labels(transition.to).inc()
    if transition.publishes is Publishes.SUCCEEDED:
        await announce_success(tx, payment)
    elif transition.publishes is not None:
        event = _event(payment, transition.publishes, verdict, balance)
        event_id = await tx.publish(payment.user_id, event)
        if transition.publishes is Publishes.COMPLETED:
            await keep(tx, event_id, payment.transfer_id)
    _tell(payment, transition.to, verdict.reason)
    return transition.to


async def announce_success(tx: OutboxTransaction, payment: Payment) -> None:
    """Publish that the money was taken. Each time it is an event of its own: the answer may be what was lost,
    and credit books the transfer once.
    """
    event = PaymentSucceeded.model_validate(_facts(payment) | {"transfer_id": payment.transfer_id})
    await tx.publish(payment.user_id, event)


def _event(payment: Payment, kind: Publishes, verdict: Verdict, balance: Balance | None) -> Event:
    facts = _facts(payment)
    because = {"reason": verdict.reason or ""}
    if kind is Publishes.FAILED:
        return PaymentFailed.model_validate(facts | because | {"cause": CAUSES[verdict.happened]})
    if kind is Publishes.FLAGGED:
        return PaymentFlagged.model_validate(facts | because)
    assert kind is Publishes.COMPLETED
    assert balance is not None
    after = {"balance_after": balance.after, "held_after": balance.held, "version": balance.version}
    return PaymentCompleted.model_validate(facts | after | {"transfer_id": payment.transfer_id})


def _facts(payment: Payment) -> dict[str, object]:
    return {
        "payment_id": payment.id,
        "currency": payment.money.currency,
        "amount_minor": payment.money.minor,
        "reference": payment.reference,
    }


def _tell(payment: Payment, state: State, reason: str | None) -> None:
    told = {"payment_id": str(payment.id), "reference": payment.reference, "reason": reason}
    if state is State.REQUIRES_REVIEW:
        log.critical("payment.requires_review", was=payment.state, **told)
    else:
        log.info("payment.moved", was=payment.state, state=state, **told)


async def advance_refund(
    tx: OutboxTransaction, refund: ProviderRefund, verdict: RefundVerdict, policy: Policy
) -> RefundState | None:
    """Tell a locked refund what has happened; its new state, or None where that changes nothing."""
    transition = refund_transition_of(refund.state, refund.reason, verdict.happened)
    if transition is None:
        return None
    due = policy.refund_due_after(transition.to)
    reason = transition.reason or verdict.reason
    await refunds.move(tx, refund.id, transition.to, reason, due)
    REFUND_MOVED.labels(transition.to).inc()
    if transition.publishes is not None:
        await announce_outcome(tx, refund, transition.publishes, reason)
    told = {"refund_id": str(refund.id), "payment_id": str(refund.payment_id), "reason": reason}
    if transition.to is RefundState.REQUIRES_REVIEW:
        log.critical("refund.requires_review", was=refund.state, **told)
    else:
        log.info("refund.moved", was=refund.state, state=transition.to, **told)
    return transition.to


async def announce_outcome(
    tx: OutboxTransaction, refund: ProviderRefund, kind: Publishes, reason: str | None
) -> None:
    """Publish what became of a refund; again, if need be, as the same event."""
    event = _refund_event(refund, kind, reason or "")
    await tx.publish(refund.user_id, event, event_id=outcome_event_of(refund.id, kind))


def _refund_event(refund: ProviderRefund, kind: Publishes, reason: str) -> Event:
    facts: dict[str, object] = {
        "refund_id": refund.id,
        "payment_id": refund.payment_id,
        "currency": refund.money.currency,
        "amount_minor": refund.money.minor,
        "reference": refund.reference,
    }
    if kind is Publishes.REFUNDED:
        return PaymentRefunded.model_validate(facts)
    return PaymentRefundFailed.model_validate(facts | {"reason": reason})
