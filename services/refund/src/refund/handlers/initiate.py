"""Asking for a refund: what it is of is locked, the amount reserved, and the row says what came of it."""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter

from refund.adapters import refundables, refunds
from refund.domain import events
from refund.domain.errors import KeyReused, OperatorsOnly, UnknownRefundable, VerificationOpen
from refund.domain.machine import TRANSITIONS, Happening, State
from refund.domain.pace import Pace
from refund.domain.refund import EXCEEDS, InitiateRefund, Refund, Refundable
from refund.handlers.advance import REFUNDS
from shared.money import InvalidAmount, Money
from shared.outbox import OutboxTransaction

MET = Counter("refunds_met_total", "Requests answered with the refund that was there already.")


async def initiate_refund(tx: OutboxTransaction, pace: Pace, command: InitiateRefund) -> tuple[Refund, bool]:
    """The refund, and whether it is this request's own: a verification is refunded once, whoever asks.

    Raises UnknownRefundable, OperatorsOnly, VerificationOpen, KeyReused or InvalidAmount.
    """
    # The key first: what else a request with it may be about, it waits. Then a repetition is answered,
    # whatever has changed since.
    await refunds.lock_request(tx, command.id)
    refundable = await refundables.lock(tx, command.refundable_id)
    if (known := await _repeated(tx, command)) is not None:
        return known
    if (
        refundable is None
        or refundable.kind != command.refundable_kind
        or not (command.acts_for_all or command.caller == refundable.user_id)
    ):
        raise UnknownRefundable
    if refundable.kind == "payment" and command.kind == "credit" and not command.operator:
        raise OperatorsOnly
    if refundable.kind == "verification":
        active = await refunds.find_active(tx, refundable.id)
        if active is not None:
            MET.inc()
            await refunds.insert_request(tx, command.id, command.fingerprint, active.id)
            return active, False
        if not (command.operator or await _is_over(tx, refundable)):
            raise VerificationOpen
    return await _ask(tx, pace, command, refundable), True


async def _is_over(tx: OutboxTransaction, verification: Refundable) -> bool:
    return verification.auto_reason is not None or await refundables.is_completed(tx, verification.id)


async def _repeated(tx: OutboxTransaction, command: InitiateRefund) -> tuple[Refund, bool] | None:
    request = await refunds.find_request(tx, command.id)
    known = await refunds.find(tx, command.id if request is None else request[1])
    if known is None:
        return None
    if (known.fingerprint if request is None else request[0]) != command.fingerprint:
        raise KeyReused
    return known, request is None


async def _ask(tx: OutboxTransaction, pace: Pace, command: InitiateRefund, refundable: Refundable) -> Refund:
    money = _asked(command, refundable)
    values: dict[str, Any] = {}
    if money.minor == 0 or not await refundables.reserve(tx, refundable.id, money.minor):
        happening = Happening.ASKED_TOO_MUCH
        remaining = refundable.remaining
        # All that remains of nothing: the row says what the whole was.
        money = money if money.minor else Money(refundable.amount_minor, refundable.currency)
        values = {
            "failure_code": EXCEEDS,
            "failure_reason": "more than what remains refundable",
            "remaining_minor": remaining.minor,
        }
    elif command.kind == "money":
        happening = Happening.ASKED_TO_CARD
    else:
        happening = Happening.ASKED
    refund = await insert(
        tx,
        happening,
        refundable,
        _due_in(pace, command, happening),
        id=command.id,
        kind=command.kind,
        auto=False,
        amount_minor=money.minor,
        reason=command.reason,
        initiated_by=command.caller,
        fingerprint=command.fingerprint,
        **values,
    )
    assert refund is not None, "its id is the key's, which is locked and was not used"
    return refund


async def insert(
    tx: OutboxTransaction,
    happening: Happening,
    refundable: Refundable,
    due_in: float | None,
    **values: Any,
) -> Refund | None:
    """A refund's first state and what is said of it. None when the id is taken."""
    transition = TRANSITIONS[State.NEW, happening]
    values |= {
        "refundable_id": refundable.id,
        "user_id": refundable.user_id,
        "payment_id": refundable.id if refundable.kind == "payment" else None,
        "verification_id": refundable.id if refundable.kind == "verification" else None,
        "currency": refundable.currency,
        "state": transition.state.value,
    }
    refund = await refunds.insert_refund(tx, values, due_in)
    if refund is not None:
        for event in transition.publishes:
            await tx.publish(refund.user_id, events.OF_ROW[event](refund))
        REFUNDS.labels(refund.kind, str(refund.auto).lower(), refund.state).inc()
    return refund


def _asked(command: InitiateRefund, refundable: Refundable) -> Money:
    if refundable.kind == "verification":
        return Money(refundable.amount_minor, refundable.currency)
    if command.amount is None:
        return refundable.remaining
    money = Money.parse(command.amount, refundable.currency)
    if money.minor == 0:
        raise InvalidAmount("the amount is zero")
    return money


def _due_in(pace: Pace, command: InitiateRefund, happening: Happening) -> float | None:
    if happening is Happening.ASKED_TO_CARD:
        return pace.abandon_after
    if happening is Happening.ASKED and command.acts_for_all:
        return pace.grace
    return None  # Rejected, or a user's request: it waits for an operator.
