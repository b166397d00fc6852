"""Rows of ``webhook``: each event of a provider once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.db import Transaction
from shared.observability.trace import current_trace
from verification.adapters.tables import webhook
from verification.adapters.verifications import seconds_from_now
from verification.domain.orders import Notice

if TYPE_CHECKING:
    from asyncpg import Record


async def store(tx: Transaction, provider: str, notice: Notice) -> bool:
    """Whether it is new."""
    trace = current_trace()
    rows = await tx.run(
        insert(webhook)
        .values(
            id=uuid4(),
            provider=provider,
            event_id=notice.event_id,
            notice={"type": notice.type, "order_id": notice.order_id},
            due_at=sa.func.now(),
            correlation_id=trace and trace.correlation_id,
        )
        .on_conflict_do_nothing(constraint="webhook_event")
        .returning(webhook.c.id)
    )
    return bool(rows)


async def get(tx: Transaction, id_: UUID) -> Record | None:
    rows = await tx.run(sa.select(webhook).where(webhook.c.id == id_))
    return rows[0] if rows else None


async def settle(tx: Transaction, id_: UUID, outcome: str) -> None:
    await tx.run(sa.update(webhook).where(webhook.c.id == id_).values(outcome=outcome, due_at=None))


async def postpone(tx: Transaction, id_: UUID, seconds: float) -> None:
    await tx.run(
        sa.update(webhook)
        .where(webhook.c.id == id_)
        .values(attempts=webhook.c.attempts + 1, due_at=seconds_from_now(seconds))
    )
