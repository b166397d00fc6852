"""A number waits for its SMS: until the code, the deadline or the user's cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from shared.observability.logs import get_logger
from shared.providers.errors import ProviderAway
from verification.adapters import verifications
from verification.domain.machine import Happening, State
from verification.domain.orders import CancelTooEarly, Order, OrderState, UnknownOrder
from verification.handlers.pacing import later, postpone
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.outbox import OutboxTransaction

log = get_logger(__name__)

LATE = (State.TIMED_OUT, State.CANCELLED)


async def poll(trade: Trade, row: Record) -> None:
    """``awaiting_sms``: look for the SMS, unless its time is over."""
    cancellable_in = trade.cancellable_in(row)
    if row["cancel_requested_at"] is not None and cancellable_in <= 0:
        await _end(trade, row, Happening.CANCEL_ASKED)
        return
    if row["deadline_in"] <= 0:
        await _end(trade, row, Happening.DEADLINE_PASSED)
        return
    try:
        order = await trade.provider(row).check(row["order_id"])
    except (ProviderAway, UnknownOrder) as away:
        log.warning("provider.away", provider=row["provider"], id=str(row["id"]), error=repr(away))
    else:
        if order.state is not OrderState.PENDING:
            await observe(trade, row["id"], order)
            return
    waits = [trade.pace.next_poll(), row["deadline_in"]]
    if row["cancel_requested_at"] is not None:
        waits.append(cancellable_in)
    await later(trade, row, min(waits))


async def end(trade: Trade, row: Record) -> None:
    """``expiring`` and ``cancelling``: cancel at the provider until it is known what came first.

    Raises ProviderAway.
    """
    try:
        order = await trade.provider(row).cancel(row["order_id"])
    except CancelTooEarly as early:
        await postpone(trade, row, at_least=early.retry_after_seconds)
    except UnknownOrder:
        # What the provider has forgotten brings no SMS any more, and the user has paid for one.
        log.warning("provider.forgot_order", provider=row["provider"], id=str(row["id"]))
        await observe(trade, row["id"], Order(row["order_id"], row["phone_number"], OrderState.OVER))
    else:
        if order.state is OrderState.PENDING:
            await postpone(trade, row)
        else:
            await observe(trade, row["id"], order)


async def finish(trade: Trade, row: Record) -> None:
    """``completed``: tell the provider; nothing of ours depends on it."""
    try:
        await trade.provider(row).finish(row["order_id"])
    except ProviderAway:
        step = trade.pace.step(row["attempts"])
    else:
        step = None
    async with trade.db.autocommit() as tx:
        await verifications.update(tx, row["id"], due_in_seconds=step, attempts=row["attempts"] + 1)


async def observe(trade: Trade, id_: UUID, order: Order) -> bool:
    """What the provider says of an order, however we came to ask; whether that has changed anything."""
    async with trade.outbox.transaction() as tx:
        row = await verifications.lock(tx, id_)
        if row["order_id"] != order.id or row["transfer_id"] is None:
            return False  # It is another one, or has to be paid for before it can end.
        match order.state:
            case OrderState.RECEIVED:
                changed = await _receive(trade, tx, row, order)
            case OrderState.OVER:
                changed = await _over(trade, tx, row)
            case OrderState.PENDING:
                return False
    trade.nudge()
    return changed is not None


async def _receive(trade: Trade, tx: OutboxTransaction, row: Record, order: Order) -> Record | None:
    if row["state"] not in LATE:
        return await trade.apply(tx, row, Happening.SMS_RECEIVED, sms_code=order.code)
    if row["late_sms_at"] is None:  # It is told once, and the code is not even kept.
        return await trade.apply(tx, row, Happening.SMS_RECEIVED, late_sms_at=sa.func.now())
    return None


async def _over(trade: Trade, tx: OutboxTransaction, row: Record) -> Record | None:
    """The provider has ended it, at our word or by its own clock."""
    if row["state"] in (State.AWAITING_SMS, State.REQUIRES_REVIEW):
        asked = row["cancel_requested_at"] is not None
        ending = Happening.CANCEL_ASKED if asked else Happening.DEADLINE_PASSED
        row = await trade.apply(tx, row, ending) or row
    return await trade.apply(tx, row, Happening.ORDER_OVER)


async def _end(trade: Trade, row: Record, happening: Happening) -> None:
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        ending = await trade.apply(tx, now, happening)
    if ending is not None:
        await end(trade, ending)
