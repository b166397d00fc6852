"""Flags and the hits they are made of; a state is only ever written to a row that the caller has locked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from monitor.adapters.tables import flag
from monitor.domain.flag import Flag, State
from monitor.domain.rules import Rule
from shared.db import Transaction

if TYPE_CHECKING:
    from asyncpg import Record

_FIELDS = tuple(Flag.__dataclass_fields__)
_COLUMNS = [flag.c[field] for field in _FIELDS]


async def claim(tx: Transaction, flag_id: UUID, user_id: str, rule: Rule, at: datetime) -> bool:
    """Whether this rule may speak about this user now; False: it has done so within its window.

    That is the window on either side, since events come in any order.
    """
    row = await tx.fetchrow(
        """
        INSERT INTO hit (flag_id, user_id, rule, alerting, window_start)
        VALUES ($1, $2, $3, $4, coalesce(
            (SELECT min(window_start) FROM hit
             WHERE user_id = $2 AND rule = $3 AND alerting = $4
                AND window_start > $5::timestamptz - $6::interval
                AND window_start < $5::timestamptz + $6::interval),
            $5
        ))
        ON CONFLICT (user_id, rule, alerting, window_start) DO NOTHING RETURNING rule
        """,
        flag_id,
        user_id,
        rule.name,
        rule.alert,
        at,
        rule.within,
    )
    return row is not None


async def insert(tx: Transaction, made: Flag) -> None:
    await tx.run(sa.insert(flag).values({field: getattr(made, field) for field in _FIELDS}))


async def find(tx: Transaction, flag_id: UUID) -> Flag | None:
    rows = await tx.run(sa.select(*_COLUMNS).where(flag.c.id == flag_id))
    return of_row(rows[0]) if rows else None


async def lock(tx: Transaction, flag_id: UUID) -> Flag | None:
    rows = await tx.run(sa.select(*_COLUMNS).where(flag.c.id == flag_id).with_for_update())
    return of_row(rows[0]) if rows else None


async def answer(tx: Transaction, flag_id: UUID, state: State) -> Flag:
    """The locked flag with its owner's answer."""
    rows = await tx.run(
        sa.update(flag)
        .where(flag.c.id == flag_id)
        .values(state=state.value, answered_at=sa.func.now())
        .returning(*_COLUMNS)
    )
    return of_row(rows[0])


async def history(
    tx: Transaction,
    *,
    user_id: str | None,
    states: Sequence[State],
    least_score: float,
    before: int | None,
    limit: int,
) -> list[Record]:
    """Newest first; ``user_id`` None: everybody's."""
    statement = (
        sa.select(flag.c.number, *_COLUMNS)
        .where(flag.c.state.in_([state.value for state in states]), flag.c.score >= least_score)
        .order_by(flag.c.number.desc())
        .limit(limit)
    )
    if user_id is not None:
        statement = statement.where(flag.c.user_id == user_id)
    if before is not None:
        statement = statement.where(flag.c.number < before)
    return await tx.run(statement)


def of_row(row: Record) -> Flag:
    fields = {field: row[field] for field in _FIELDS}
    return Flag(**{**fields, "state": State(row["state"])})
