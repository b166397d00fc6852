"""Errands that have to wait: a moment, or the janitor's next step, or for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verification.adapters import verifications
from verification.domain.machine import Happening
from verification.handlers.trade import Trade

if TYPE_CHECKING:
    from asyncpg import Record


async def later(trade: Trade, row: Record, seconds: float | None) -> None:
    """Look again then, or never, unless the state has changed meanwhile: whoever changed it has said when."""
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["state"] == row["state"]:
            await verifications.update(tx, row["id"], due_in_seconds=seconds)


async def postpone(trade: Trade, row: Record, *, at_least: float = 0) -> None:
    """Take the next of the janitor's steps, in seconds; after the last one a person has to look."""
    async with trade.outbox.transaction() as tx:
        now = await verifications.lock(tx, row["id"])
        if now["state"] != row["state"]:
            return
        step = trade.pace.step(now["attempts"])
        if step is None:
            await trade.apply(tx, now, Happening.GIVEN_UP)
        else:
            await verifications.update(
                tx, row["id"], due_in_seconds=max(step, at_least), attempts=now["attempts"] + 1
            )
