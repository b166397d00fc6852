"""Webhooks: verified, stored, answered; what they are about is then looked up at the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from shared.observability.logs import get_logger
from shared.providers.errors import ProviderAway
from verification.adapters import verifications, webhooks
from verification.adapters.providers import Provider
from verification.domain.machine import State
from verification.domain.orders import Order, OrderState, UnknownOrder
from verification.handlers.buying import OPEN, give_back
from verification.handlers.pacing import later
from verification.handlers.trade import Trade
from verification.handlers.waiting import observe

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)


async def receive(trade: Trade, provider: Provider, body: bytes, headers: Mapping[str, str]) -> bool:
    """Store it; whether it is new. Raises InvalidWebhook."""
    notice = provider.verify_webhook(body, headers)
    async with trade.db.autocommit() as tx:
        return await webhooks.store(tx, provider.name, notice)


async def process(trade: Trade, id_: UUID) -> None:
    """A webhook is a hint; the order as the provider shows it now is what counts."""
    async with trade.db.autocommit() as tx:
        hint = await webhooks.get(tx, id_)
    if hint is None:
        return
    outcome: str | None = "unknown_order"
    try:
        order = await trade.providers[hint["provider"]].check(hint["notice"]["order_id"])
        outcome = await _tell(trade, hint["provider"], order)
    except UnknownOrder:
        pass
    except ProviderAway:
        outcome = None
    step = trade.pace.step(hint["attempts"])
    async with trade.db.autocommit() as tx:
        if outcome is not None or step is None:
            await webhooks.settle(tx, id_, outcome or "given_up")
        else:
            await webhooks.postpone(tx, id_, step)


async def _tell(trade: Trade, provider: str, order: Order) -> str | None:
    """What came of it; None where it comes too early to be told."""
    async with trade.db.autocommit() as tx:
        row = await verifications.of_order(tx, provider, order.id)
        if row is None and order.reference is not None:
            row = await verifications.of_reference(tx, provider, order.reference)
    if row is None:
        log.warning("webhook.unmatched", provider=provider, order_id=order.id)
        return "unmatched"
    if row["order_id"] == order.id and await observe(trade, row["id"], order):
        return "told"
    theirs = row["order_id"] == order.id or (row["order_id"] is None and row["state"] in OPEN)
    if (not theirs or row["state"] == State.FAILED) and order.state is not OrderState.OVER:
        return await _return(trade, row, order)
    if not theirs or row["transfer_id"] is not None:
        return "nothing_new"
    if row["state"] == State.REQUESTED:
        return None
    await later(trade, row, 0)  # So the order exists: no need to wait for the janitor's next step.
    trade.nudge()
    return "hinted"


async def _return(trade: Trade, row: Record, order: Order) -> str:
    """A number bought for somebody who does not wait for it, or has another one."""
    log.critical("verification.order_too_late", id=str(row["id"]), order_id=order.id, state=order.state)
    if order.state is OrderState.PENDING:
        await give_back(trade, row, order.id)
    return "too_late"
