"""What is due for a verification, by the state it is in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from verification.adapters import verifications
from verification.domain.machine import State
from verification.handlers import buying, requesting, waiting
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record

    Work: TypeAlias = Callable[[Trade, Record], Awaitable[None]]

WORKS: Mapping[State, Work] = {
    State.HOLDING: requesting.abandon,
    State.REQUESTED: buying.buy,
    State.UNKNOWN: buying.look_up,
    State.AWAITING_SMS: waiting.poll,
    State.EXPIRING: waiting.end,
    State.CANCELLING: waiting.end,
    State.COMPLETED: waiting.finish,
}


async def do(trade: Trade, id_: UUID) -> None:
    """Repeated, interrupted or done twice at once, it buys, charges and publishes once."""
    async with trade.db.autocommit() as tx:
        row = await verifications.get(tx, id_)
    if row is not None and (work := WORKS.get(State(row["state"]))) is not None:
        await work(trade, row)
