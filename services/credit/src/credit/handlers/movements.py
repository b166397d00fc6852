"""Money in and money out."""

from __future__ import annotations

from credit.adapters import ledger
from credit.adapters.ledger import Outcome
from credit.domain.commands import AddCredits, DeductCredits
from shared.db import Transaction


async def add_credits(tx: Transaction, command: AddCredits) -> Outcome:
    """Raises KeyReused, KeyInFlight or ClaimedMeanwhile; a rejection is an outcome like any other."""
    return await ledger.add(tx, command)


async def deduct_credits(tx: Transaction, command: DeductCredits) -> Outcome:
    """Raises KeyReused, KeyInFlight or ClaimedMeanwhile; a rejection is an outcome like any other."""
    return await ledger.deduct(tx, command)
