"""Which events have had their effect here."""

from __future__ import annotations

from uuid import UUID

from shared.db import Transaction


async def is_new(tx: Transaction, event_id: UUID) -> bool:
    """Whether it had none before; from here on it is known. Waits for a transaction that handles it now."""
    row = await tx.fetchrow(
        "INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        event_id,
    )
    return row is not None
