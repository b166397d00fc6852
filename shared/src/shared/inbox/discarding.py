"""Tells that a parked event was given up, so that its user's trail has it, whichever service gave it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.events.letter import LetterDiscarded
from shared.inbox.parking import transfer_of, user_of
from shared.outbox import OutboxTransaction

if TYPE_CHECKING:
    from asyncpg import Record


async def publish_discarded(
    service: str, tx: OutboxTransaction, letter: Record, by: str, reason: str
) -> None:
    """Publish it in the transaction that gives up ``letter``, the parked event with headers and body.

    Where its headers name no user there is no trail it could be in: nothing is published, and the log alone
    says who has discarded it and why.
    """
    user_id = user_of(letter["headers"])
    if not user_id:
        return
    discarded = LetterDiscarded(
        event_id=letter["id"],
        event_type=letter["routing_key"],
        service=service,
        by=by,
        reason=reason,
        transfer_id=transfer_of(letter["body"]),
    )
    await tx.publish(user_id, discarded)
