"""Holds: set aside, then posted, voided or expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credit.adapters import ledger
from credit.adapters.ledger import Outcome
from credit.domain.commands import PlaceHold, PostHold, VoidHold
from shared.db import Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record


async def place_hold(tx: Transaction, command: PlaceHold) -> Outcome:
    """Raises KeyReused, KeyInFlight or ClaimedMeanwhile; a rejection is an outcome like any other."""
    return await ledger.place(tx, command)


async def post_hold(tx: Transaction, command: PostHold) -> Outcome:
    """Posting twice answers with the same transfer. Raises KeyReused, KeyInFlight or ClaimedMeanwhile."""
    return await ledger.post(tx, command)


async def void_hold(tx: Transaction, command: VoidHold) -> Outcome:
    """Voiding twice changes nothing more. Raises KeyReused, KeyInFlight or ClaimedMeanwhile."""
    return await ledger.void(tx, command)


async def expire_holds(tx: Transaction, at_most: int) -> Sequence[Record]:
    """Release what is overdue; returns the events to publish, one for each hold."""
    return await ledger.expire(tx, at_most)
