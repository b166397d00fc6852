"""An operator gives a dead letter up: the trail says who and why, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from notifier.adapters import trail

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction


async def tell_discarded(tx: Transaction, letter: Record, by: str, reason: str) -> None:
    """``letter`` is the parked event, with headers and body; of a broken one little is known."""
    user_id = str(letter["headers"].get("cloudEvents:subject", ""))
    detail = {"by": by, "reason": reason, "type": letter["routing_key"]}
    await trail.discarded(tx, user_id, letter["id"], _transfer_of(letter["body"]), detail)


def _transfer_of(body: bytes) -> UUID | None:
    try:
        return UUID(orjson.loads(body)["transfer_id"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
