"""Accounts and their statements: cold statements, built with SQLAlchemy Core."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from credit.adapters.tables import FORGETTABLE, account, entry, idempotency_key, transfer
from shared.db import Transaction

if TYPE_CHECKING:
    from asyncpg import Record


async def lock_user(tx: Transaction, user_id: str) -> None:
    """Until the transaction ends: who opens an account, freezes all or lets them go sees the others."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('accounts ' || $1, 0))", user_id)


async def insert_account(tx: Transaction, user_id: str, currency: str, threshold: int) -> Record | None:
    """The new account, or None when there is one already."""
    rows = await tx.run(
        insert(account)
        .values(
            user_id=user_id,
            currency=currency,
            low_balance_threshold=threshold,
            # Nobody gets out of a freeze by another currency.
            frozen_at=sa.select(sa.func.min(account.c.frozen_at))
            .where(account.c.user_id == user_id)
            .scalar_subquery(),
        )
        .on_conflict_do_nothing(constraint="account_pkey")
        .returning(*account.c)
    )
    return rows[0] if rows else None


async def select_accounts(tx: Transaction, user_id: str) -> list[Record]:
    return await tx.run(sa.select(account).where(account.c.user_id == user_id).order_by(account.c.currency))


async def update_threshold(tx: Transaction, user_id: str, currency: str, threshold: int) -> Record | None:
    """The changed account, or None when there is none.

    A balance at or above the new threshold can cross it, so the warning is armed again; one below has nothing
    left to cross.
    """
    available = account.c.posted - account.c.held
    rows = await tx.run(
        sa.update(account)
        .where(account.c.user_id == user_id, account.c.currency == currency)
        .values(
            low_balance_threshold=threshold,
            low_balance_warned_version=sa.case(
                (available >= threshold, sa.null()), else_=account.c.low_balance_warned_version
            ),
        )
        .returning(*account.c)
    )
    return rows[0] if rows else None


async def set_frozen(tx: Transaction, user_id: str, frozen: bool) -> list[Record]:
    """Those of the user's accounts that were not so before."""
    to_change = account.c.frozen_at.is_(None) if frozen else account.c.frozen_at.is_not(None)
    return await tx.run(
        sa.update(account)
        .where(account.c.user_id == user_id, to_change)
        .values(frozen_at=sa.func.now() if frozen else sa.null())
        .returning(account.c.currency)
    )


async def select_entries(tx: Transaction, user_id: str, before: int | None, limit: int) -> list[Record]:
    """Newest first, each with its transfer."""
    statement = (
        sa.select(entry.c.number, entry.c.amount_minor.label("change_minor"), transfer)
        .join(transfer, transfer.c.id == entry.c.transfer_id)
        .where(entry.c.user_id == user_id)
        .order_by(entry.c.number.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(entry.c.number < before)
    return await tx.run(statement)


async def select_transfer(tx: Transaction, transfer_id: UUID) -> Record | None:
    rows = await tx.run(sa.select(transfer).where(transfer.c.id == transfer_id))
    return rows[0] if rows else None


async def delete_keys(tx: Transaction, *, older_than_hours: int, at_most: int) -> int:
    """Delete old idempotency keys that may be forgotten; returns how many."""
    key = idempotency_key
    old = (
        sa.select(key.c.scope, key.c.key)
        .where(key.c.created_at < sa.func.now() - sa.func.make_interval(0, 0, 0, 0, older_than_hours))
        .where(FORGETTABLE)
        .order_by(key.c.created_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    return len(
        await tx.run(sa.delete(key).where(sa.tuple_(key.c.scope, key.c.key).in_(old)).returning(key.c.key))
    )
