"""The automatic refund: a verification that ended without a code gives its money back, once and at once."""

from __future__ import annotations

from prometheus_client import Counter

from refund.adapters import refundables, refunds
from refund.domain.machine import Happening, State
from refund.domain.pace import Pace
from refund.domain.refund import Case, Refundable, automatic_id
from refund.handlers.advance import advance
from refund.handlers.initiate import insert
from shared.outbox import OutboxTransaction

AUTOMATIC = Counter("refunds_automatic_total", "Automatic refunds by what they met.", ["met"])
INITIATED_BY = "refund"


async def refund_automatically(tx: OutboxTransaction, pace: Pace, refundable: Refundable) -> None:
    """``refundable`` is locked and has an ``auto_reason``; it is refunded unless it is being refunded.

    A refund that a user has asked for and that waits for an operator need not wait any longer: it is
    processed, and can no longer be cancelled.
    """
    assert refundable.auto_reason is not None
    if refundable.amount_minor == 0:
        return  # It was free.
    active = await refunds.find_active(tx, refundable.id)
    if active is not None:
        await advance(tx, pace, await refunds.locked(tx, active.id), Happening.CLAIMED)
        AUTOMATIC.labels("manual" if active.state is State.INITIATED else "under_way").inc()
        return
    id_ = automatic_id(refundable.id)
    if await refunds.find(tx, id_) is not None:
        return  # It was made before and has failed; a person's refund comes next.
    await _make(tx, pace, refundable)


async def _make(tx: OutboxTransaction, pace: Pace, refundable: Refundable) -> None:
    reserved = await refundables.reserve(tx, refundable.id, refundable.amount_minor)
    assert reserved, "no refund is active, so all of it is free"
    refund = await insert(
        tx,
        Happening.ASKED,
        refundable,
        None,
        id=automatic_id(refundable.id),
        kind="credit",
        auto=True,
        amount_minor=refundable.amount_minor,
        reason=refundable.auto_reason,
        initiated_by=INITIATED_BY,
        fingerprint="",
    )
    assert refund is not None
    await advance(tx, pace, Case(refund, refundable), Happening.CLAIMED)
    AUTOMATIC.labels("nothing").inc()
