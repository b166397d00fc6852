"""A number is bought once, paid for by posting the hold, or not bought and the hold voided."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import sqlalchemy as sa

from shared.http.credit import STATE_CONFLICT, CreditAway, CreditRefused
from shared.observability.logs import get_logger
from shared.providers.errors import ProviderAway
from verification.adapters import verifications
from verification.adapters.providers import Provider
from verification.domain.machine import Happening, State
from verification.domain.orders import (
    CancelTooEarly,
    Declined,
    Order,
    OrderState,
    Purchase,
    UnknownOrder,
)
from verification.handlers.pacing import later, postpone
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

OPEN = (State.REQUESTED, State.UNKNOWN, State.REQUIRES_REVIEW)
NOT_PLACED = "the provider has no order for it"
USELESS = "the number could not be used"
GIVEN_UP = "it was cancelled before a number was bought"
HOLD_LOST = "the credits set aside for it were released"


async def buy(trade: Trade, row: Record) -> None:
    """``requested``: buy, unless that was begun before; then it is unknown what came of it.

    Raises ProviderAway where it has not begun.
    """
    if row["order_id"] is not None:
        await charge(trade, row)
    elif row["reason"] is not None:
        await release(trade, row, Happening.DECLINED)
    elif row["buying_at"] is not None:
        await _lose_sight(trade, row)
    elif row["cancel_requested_at"] is not None:
        await _decline(trade, row, GIVEN_UP, Happening.DECLINED)
    else:
        provider = trade.provider(row)
        if (begun := await _begin(trade, row)) is not None:
            await _buy(trade, provider, begun)


async def look_up(trade: Trade, row: Record) -> None:
    """``unknown``: what the provider has under our reference decides; nothing is bought again.

    Raises ProviderAway.
    """
    if row["order_id"] is not None:
        await charge(trade, row)
    elif row["reason"] is not None:
        await release(trade, row, Happening.ABSENT)
    elif row["buying_at"] is None:
        await _decline(trade, row, NOT_PLACED, Happening.ABSENT)
    else:
        await _find(trade, row)


async def _find(trade: Trade, row: Record) -> None:
    """Take an order nobody has taken: of those that cannot be told apart, each is as good as the other."""
    provider = trade.provider(row)
    found = await provider.find(_purchase(row))
    async with trade.db.autocommit() as tx:
        taken = await verifications.claimed(tx, provider.name, [order.id for order in found])
    free = [order for order in found if order.id not in taken]
    usable = [order for order in free if order.state is not OrderState.OVER]
    for order in usable:
        if (now := await _claim(trade, row, order)) is not None:
            if now["order_id"] == order.id and now["state"] in OPEN:
                await charge(trade, now)
            return
    if usable or row["buying_age"] < provider.settles_seconds:
        log.warning("verification.not_found_yet", id=str(row["id"]), candidates=len(free))
        await postpone(trade, row)
    else:
        await _decline(trade, row, USELESS if free else NOT_PLACED, Happening.ABSENT)


async def charge(trade: Trade, row: Record) -> None:
    """The number is there: post the hold, then assign it."""
    try:
        transfer = await trade.credit.post_hold(row["hold_id"])
    except CreditAway as away:
        log.warning("credit.away", id=str(row["id"]), error=str(away))
        await later(trade, row, trade.pace.credit_retry)
        return
    except CreditRefused as refused:
        if refused.code == STATE_CONFLICT:
            await _lost_hold(trade, row)
        else:
            await _refused(trade, row, refused)
        return
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["transfer_id"] is None:
            await trade.apply(
                tx,
                now,
                Happening.NUMBER_CHARGED,
                transfer_id=transfer.id,
                deadline=verifications.seconds_from_now(trade.pace.deadline),
            )
    trade.nudge()


async def release(trade: Trade, row: Record, happening: Happening) -> None:
    """There is no number: void the hold, then fail."""
    changes: dict[str, object] = {}
    try:
        posted = await trade.credit.end_hold(row["hold_id"])
    except CreditAway as away:
        log.warning("credit.away", id=str(row["id"]), error=str(away))
        await later(trade, row, trade.pace.credit_retry)
        return
    except CreditRefused as refused:
        await _refused(trade, row, refused)
        return
    if posted is not None:
        log.critical("verification.charged_in_vain", id=str(row["id"]))
        happening, changes = Happening.CHARGED_IN_VAIN, {"transfer_id": posted.id}
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        await trade.apply(tx, now, happening, **changes)


async def _refused(trade: Trade, row: Record, refused: CreditRefused) -> None:
    """Credit says no where it has no reason to: what became of the hold is not known."""
    log.critical("credit.refuses", id=str(row["id"]), status=refused.status, problem=refused.code)
    await postpone(trade, row)


async def _begin(trade: Trade, row: Record) -> Record | None:
    """Commits that a number may be bought from now on; None where somebody else is about it."""
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["state"] != State.REQUESTED or now["buying_at"] is not None or now["reason"] is not None:
            return None
        return await verifications.update(tx, row["id"], buying_at=sa.func.now())


async def _buy(trade: Trade, provider: Provider, row: Record) -> None:
    try:
        order = await provider.buy(_purchase(row))
    except Declined as declined:
        await _decline(trade, row, declined.reason, Happening.DECLINED)
    except ProviderAway as away:
        log.warning("provider.away", provider=provider.name, id=str(row["id"]), error=str(away))
        await _lose_sight(trade, row)
    else:
        if order.state is OrderState.OVER:
            await _decline(trade, row, USELESS, Happening.DECLINED)
        else:
            await _bought(trade, row, order)


async def _bought(trade: Trade, row: Record, order: Order) -> None:
    now = await _claim(trade, row, order)
    if now is None:
        await _lose_sight(trade, row)
    elif now["order_id"] != order.id:
        log.critical("verification.order_too_late", id=str(row["id"]), order_id=order.id)
        await give_back(trade, row, order.id)
    elif now["state"] in OPEN:
        await charge(trade, now)


async def _claim(trade: Trade, row: Record, order: Order) -> Record | None:
    """The purchase is written down before it is paid for, so that a crash goes on from here.

    The row as it is now, with this order if it was still undecided; None where another verification has
    found the order in the provider's list and taken it for its own.
    """
    try:
        async with trade.outbox.transaction() as tx:
            now = await verifications.lock(tx, row["id"])
            undecided = now["state"] in OPEN and now["reason"] is None
            if undecided and now["order_id"] is None:
                now = await verifications.update(
                    tx,
                    row["id"],
                    order_id=order.id,
                    phone_number=order.phone_number,
                    bought_at=sa.func.now(),
                )
    except asyncpg.UniqueViolationError:
        log.warning("verification.order_taken", id=str(row["id"]), order_id=order.id)
        return None
    return now


async def _decline(trade: Trade, row: Record, reason: str, happening: Happening) -> None:
    """The decision is written down before the hold is voided, so that a crash goes on from here."""
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["state"] not in OPEN or now["order_id"] is not None:
            return
        if now["reason"] is None:
            now = await verifications.update(tx, row["id"], reason=reason)
    await release(trade, now, happening)


async def _lose_sight(trade: Trade, row: Record) -> None:
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["order_id"] is None and now["reason"] is None:
            await trade.apply(tx, now, Happening.LOST_SIGHT)


async def _lost_hold(trade: Trade, row: Record) -> None:
    """A number nobody pays for: back with it."""
    await give_back(trade, row, row["order_id"])
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        await trade.apply(tx, now, Happening.DECLINED, reason=HOLD_LOST)


async def give_back(trade: Trade, row: Record, order_id: str) -> None:
    """As far as it goes: what it costs is ours to bear, and never the user's."""
    with suppress(ProviderAway, UnknownOrder, CancelTooEarly):
        await trade.provider(row).cancel(order_id)


def _purchase(row: Record) -> Purchase:
    return Purchase(row["reference"], row["product"], row["country"], row["buying_age"])
