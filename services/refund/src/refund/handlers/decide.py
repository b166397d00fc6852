"""What people decide about a refund that is initiated: it goes ahead, or it does not."""

from __future__ import annotations

from uuid import UUID

from refund.adapters import refunds
from refund.domain.errors import StateConflict, UnknownRefund
from refund.domain.machine import UNDER_WAY, Happening, State
from refund.domain.pace import Pace
from refund.domain.refund import Case, Refund
from refund.handlers.advance import advance
from shared.outbox import OutboxTransaction


async def process_refund(tx: OutboxTransaction, pace: Pace, refund_id: UUID) -> Refund:
    """Under way now; one that was under way, or is completed, is answered as it is.

    Raises UnknownRefund or StateConflict.
    """
    case = await _lock(tx, refund_id)
    after = await advance(tx, pace, case, Happening.CLAIMED)
    if after.state not in UNDER_WAY | {State.COMPLETED}:
        raise StateConflict(after)
    return after


async def cancel_refund(
    tx: OutboxTransaction, pace: Pace, refund_id: UUID, *, caller: str, acts_for_all: bool
) -> Refund:
    """Cancelled, also when it was before. Raises UnknownRefund or StateConflict."""
    case = await _lock(tx, refund_id)
    if not visible(case.refund, caller=caller, acts_for_all=acts_for_all):
        raise UnknownRefund
    after = await advance(tx, pace, case, Happening.CANCEL_ASKED)
    if after.state is not State.CANCELLED:
        raise StateConflict(after)
    return after


def visible(refund: Refund, *, caller: str, acts_for_all: bool) -> bool:
    """Its owner sees it once it has been decided upon; operators see all."""
    return acts_for_all or (refund.user_id == caller and refund.state is not State.HOLDING)


async def _lock(tx: OutboxTransaction, refund_id: UUID) -> Case:
    case = await refunds.lock(tx, refund_id)
    if case is None:
        raise UnknownRefund
    return case
