"""Events that come to nothing, parked or given up: the trail says so, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.adapters import trail
from shared import inbox
from shared.events.receipts import is_receipts
from shared.inbox import ParkedEvent, storable, transfer_of, user_of

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction


async def park(tx: Transaction, event: ParkedEvent) -> None:
    """As ``shared.inbox`` parks it; of a broken event little is known. Receipts are none."""
    if await inbox.park(tx, event) is None or is_receipts(event.delivery.headers):
        return
    came = event.delivery
    detail = {
        "type": storable(came.routing_key),
        "queue": event.queue,
        "reason": storable(event.reason),
    }
    await trail.ended(tx, "parked", user_of(came.headers), event.id, transfer_of(came.body), detail)


async def tell_discarded(tx: Transaction, letter: Record, by: str, reason: str) -> None:
    """``letter`` is the parked event, with headers and body."""
    detail = {"by": by, "reason": reason, "type": letter["routing_key"]}
    user_id, transfer_id = user_of(letter["headers"]), transfer_of(letter["body"])
    await trail.ended(tx, "discarded", user_id, letter["id"], transfer_id, detail)
