"""Webhooks: verified, stored, answered; what they are about is then looked up at the provider."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from shared.observability.logs import get_logger
from verification.adapters import verifications, webhooks
from verification.adapters.providers import Provider
from verification.domain.machine import State
from verification.domain.orders import Order, ProviderAway, UnknownOrder
from verification.handlers.trade import Trade
from verification.handlers.waiting import observe

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
        order = await trade.providers[hint["provider"]].check(hint["body"]["order_id"])
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
    if row["order_id"] == order.id:
        await observe(trade, row["id"], order)
        return "told"
    if row["state"] == State.UNKNOWN:  # So the order exists: no need to wait for the janitor's next step.
        async with trade.db.autocommit() as tx:
            await verifications.update(tx, row["id"], due_in_seconds=0)
        trade.nudge()
        return "hinted"
    return None if row["state"] == State.REQUESTED else "unmatched"
