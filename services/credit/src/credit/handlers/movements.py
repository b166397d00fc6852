"""Money in."""

from __future__ import annotations

from credit.adapters import ledger
from credit.adapters.ledger import Outcome
from credit.domain.commands import AddCredits
from shared.db import Transaction


async def add_credits(tx: Transaction, command: AddCredits) -> Outcome:
    """Raises KeyReused, KeyInFlight or ClaimedMeanwhile; a rejection is an outcome like any other."""
    return await ledger.add(tx, command)
