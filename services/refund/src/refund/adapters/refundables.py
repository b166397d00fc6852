"""What can be refunded: learned once, locked by whoever changes a refund of it, reserved by one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from refund.adapters.tables import completed_verification, refundable
from refund.domain.refund import AutoReason, Refundable
from shared.db import Transaction

if TYPE_CHECKING:
    from asyncpg import Record

_FIELDS = tuple(Refundable.__dataclass_fields__)
_COLUMNS = [refundable.c[field] for field in _FIELDS]


async def learn(tx: Transaction, known: Refundable) -> None:
    """Events come in any order and say the same; only that the money has to go back is news."""
    values = {field: getattr(known, field) for field in _FIELDS}
    learned = insert(refundable).values(values)
    if known.auto_reason is None:
        learned = learned.on_conflict_do_nothing(index_elements=["id"])
    else:
        learned = learned.on_conflict_do_update(
            index_elements=["id"],
            set_={"auto_reason": known.auto_reason},
            where=refundable.c.auto_reason.is_(None),  # The first reason stays.
        )
    await tx.run(learned)


async def complete(tx: Transaction, verification_id: UUID) -> None:
    """Its code has come; perhaps before anything else was heard of it."""
    await tx.run(insert(completed_verification).values(id=verification_id).on_conflict_do_nothing())


async def is_completed(tx: Transaction, verification_id: UUID) -> bool:
    rows = await tx.run(
        sa.select(completed_verification.c.id).where(completed_verification.c.id == verification_id)
    )
    return bool(rows)


async def lock(tx: Transaction, refundable_id: UUID) -> Refundable | None:
    """Before any refund of it is locked: everyone takes the two in this order."""
    rows = await tx.run(sa.select(*_COLUMNS).where(refundable.c.id == refundable_id).with_for_update())
    return _of(rows[0]) if rows else None


async def reserve(tx: Transaction, refundable_id: UUID, minor: int) -> bool:
    """The over-refund guard: whether so much was left, and is now reserved."""
    rows = await tx.run(
        sa.update(refundable)
        .where(
            refundable.c.id == refundable_id,
            refundable.c.reserved_minor + minor <= refundable.c.amount_minor,
        )
        .values(reserved_minor=refundable.c.reserved_minor + minor)
        .returning(refundable.c.id)
    )
    return bool(rows)


async def release(tx: Transaction, refundable_id: UUID, minor: int) -> None:
    await tx.run(
        sa.update(refundable)
        .where(refundable.c.id == refundable_id)
        .values(reserved_minor=refundable.c.reserved_minor - minor)
    )


def _of(row: Record) -> Refundable:
    auto_reason: AutoReason | None = row["auto_reason"]
    return Refundable(**{**dict(row), "auto_reason": auto_reason})
