"""Looking at refunds: one, or many."""

from __future__ import annotations

from uuid import UUID

from refund.adapters import refunds
from refund.domain.errors import UnknownRefund
from refund.domain.refund import Refund
from refund.handlers.decide import visible
from shared.db import Transaction
from shared.pages import decode, page_of


async def one_refund(tx: Transaction, refund_id: UUID, *, caller: str, acts_for_all: bool) -> Refund:
    """Raises UnknownRefund."""
    refund = await refunds.find(tx, refund_id)
    if refund is None or not visible(refund, caller=caller, acts_for_all=acts_for_all):
        raise UnknownRefund
    return refund


async def many_refunds(
    tx: Transaction,
    *,
    user_id: str | None,
    state: str | None,
    stuck_after: int | None,
    hidden: bool,
    before: str | None,
    limit: int,
) -> tuple[list[Refund], str | None]:
    """Newest first, and the cursor of what comes next. Raises InvalidCursor."""
    number = None if before is None else decode(before)
    rows = await refunds.history(
        tx,
        user_id=user_id,
        state=state,
        stuck_after=stuck_after,
        hidden=hidden,
        before=number,
        limit=limit + 1,
    )
    page = page_of(rows, limit)
    return [refunds.of_row(row) for row in page.items], page.next
