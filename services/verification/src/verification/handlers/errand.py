"""What is due for a verification, by the state it is in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from shared.observability.logs import get_logger
from shared.providers.errors import ProviderAway
from verification.adapters import verifications
from verification.domain.machine import State
from verification.handlers import buying, requesting, waiting
from verification.handlers.pacing import later, postpone
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record

    Work: TypeAlias = Callable[[Trade, Record], Awaitable[None]]

log = get_logger(__name__)


async def review(trade: Trade, row: Record) -> None:
    """``requires_review``: the provider's word ends it even now, whether it was paid for or not."""
    await (buying.look_up if row["transfer_id"] is None else waiting.end)(trade, row)


WORKS: Mapping[State, Work] = {
    State.HOLDING: requesting.abandon,
    State.REQUESTED: buying.buy,
    State.UNKNOWN: buying.look_up,
    State.AWAITING_SMS: waiting.poll,
    State.EXPIRING: waiting.end,
    State.CANCELLING: waiting.end,
    State.COMPLETED: waiting.finish,
    State.REQUIRES_REVIEW: review,
}


async def do(trade: Trade, id_: UUID) -> None:
    """Repeated, interrupted or done twice at once, it buys, charges and publishes once."""
    async with trade.db.autocommit() as tx:
        row = await verifications.get(tx, id_)
    if row is None:
        return
    work = WORKS.get(State(row["state"]))
    if work is None:
        await later(trade, row, None)
        return
    try:
        await work(trade, row)
    except ProviderAway as away:
        log.warning("provider.away", provider=row["provider"], id=str(id_), error=str(away))
        await postpone(trade, row)
