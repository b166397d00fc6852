"""Rows of ``verification``: read, locked, changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import sqlalchemy as sa

from shared.db import Transaction
from verification.adapters.tables import verification
from verification.domain.machine import ACTIVE, State

if TYPE_CHECKING:
    from asyncpg import Record

_t = verification.c


class _Kept:
    """``due_at`` stays as it is."""


KEPT: Final = _Kept()


def seconds_from_now(seconds: float) -> sa.ColumnElement[datetime]:
    """By the database's clock, which is the one errands go by."""
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, float(seconds))


async def lock_user(tx: Transaction, user_id: str) -> None:
    """One at a time counts a user's verifications and adds to them."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", user_id)


async def count_active(tx: Transaction, user_id: str) -> int:
    rows = await tx.run(
        sa.select(sa.func.count().label("active"))
        .select_from(verification)
        .where(_t.user_id == user_id, _t.state.in_(sorted(ACTIVE)))
    )
    return int(rows[0]["active"])


async def insert_intent(tx: Transaction, due_in_seconds: float, **values: object) -> Record:
    rows = await tx.run(
        sa.insert(verification)
        .values(state=State.HOLDING, due_at=seconds_from_now(due_in_seconds), **values)
        .returning(*_t)
    )
    return rows[0]


# The row, and how long ago and how far ahead its times are, by the database's clock.
_SEEN = (
    *_t,
    sa.extract("epoch", sa.func.now() - _t.buying_at).cast(sa.Float).label("buying_age"),
    sa.extract("epoch", sa.func.now() - _t.bought_at).cast(sa.Float).label("bought_age"),
    sa.extract("epoch", _t.deadline - sa.func.now()).cast(sa.Float).label("deadline_in"),
)


async def get(tx: Transaction, id_: UUID) -> Record | None:
    rows = await tx.run(sa.select(*_SEEN).where(_t.id == id_))
    return rows[0] if rows else None


async def find_locked(tx: Transaction, id_: UUID) -> Record | None:
    """The row as it is now; nobody else changes it until the transaction ends."""
    rows = await tx.run(sa.select(*_SEEN).where(_t.id == id_).with_for_update())
    return rows[0] if rows else None


async def lock(tx: Transaction, id_: UUID) -> Record:
    """As ``find_locked``, for one that is known to be there."""
    row = await find_locked(tx, id_)
    assert row is not None
    return row


async def update(
    tx: Transaction, id_: UUID, *, due_in_seconds: float | _Kept | None = KEPT, **changes: object
) -> Record:
    """``due_in_seconds`` None: nothing is due any more."""
    if not isinstance(due_in_seconds, _Kept):
        changes["due_at"] = None if due_in_seconds is None else seconds_from_now(due_in_seconds)
    rows = await tx.run(
        sa.update(verification)
        .where(_t.id == id_)
        .values(updated_at=sa.func.now(), **changes)
        .returning(*_SEEN)
    )
    return rows[0]


async def page(tx: Transaction, user_id: str, before: int | None, limit: int) -> list[Record]:
    """Newest first, without intents nobody has been told of."""
    statement = (
        sa.select(verification)
        .where(_t.user_id == user_id, _t.state != State.HOLDING)
        .order_by(_t.number.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(_t.number < before)
    return await tx.run(statement)


async def of_order(tx: Transaction, provider: str, order_id: str) -> Record | None:
    rows = await tx.run(sa.select(verification).where(_t.provider == provider, _t.order_id == order_id))
    return rows[0] if rows else None


async def of_reference(tx: Transaction, provider: str, reference: str) -> Record | None:
    rows = await tx.run(sa.select(verification).where(_t.provider == provider, _t.reference == reference))
    return rows[0] if rows else None


async def claimed(tx: Transaction, provider: str, order_ids: Collection[str]) -> frozenset[str]:
    """Which of these orders serve a verification already."""
    rows = await tx.run(
        sa.select(_t.order_id).where(_t.provider == provider, _t.order_id.in_(sorted(order_ids)))
    )
    return frozenset(row["order_id"] for row in rows)
