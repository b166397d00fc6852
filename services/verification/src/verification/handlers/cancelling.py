"""The user gives a verification up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from shared.http.auth import Identity
from verification.adapters import verifications
from verification.domain.errors import StateConflict
from verification.domain.machine import Happening, State
from verification.domain.orders import CancelTooEarly
from verification.handlers.reading import visible
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.outbox import OutboxTransaction


async def cancel(trade: Trade, id_: UUID, caller: Identity) -> Record:
    """While there is no number yet the wish is kept, and granted as soon as it can be.

    Raises UnknownVerification, StateConflict, and CancelTooEarly where the provider's minimum age is ahead.
    """
    async with trade.outbox.transaction() as tx:
        row = visible(await verifications.find_locked(tx, id_), caller)
        state = State(row["state"])
        asked_at = row["cancel_requested_at"] or sa.func.now()
        if state is State.UNKNOWN:
            return await verifications.update(tx, id_, cancel_requested_at=asked_at)
        if state in (State.CANCELLING, State.CANCELLED):
            return row
        if state is State.REQUESTED:  # Perhaps nothing is bought yet; then it is over at once.
            changed = await verifications.update(tx, id_, cancel_requested_at=asked_at, due_in_seconds=0)
        elif state is State.AWAITING_SMS:
            changed = await _give_up(trade, tx, row, asked_at)
        else:
            raise StateConflict(state)
    trade.nudge()
    return changed


async def _give_up(trade: Trade, tx: OutboxTransaction, row: Record, asked_at: object) -> Record:
    ahead = trade.cancellable_in(row)
    if ahead > 0:
        raise CancelTooEarly(ahead)
    return await trade.apply(tx, row, Happening.CANCEL_ASKED, cancel_requested_at=asked_at) or row
