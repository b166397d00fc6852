"""Looking at verifications."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from shared.db import Transaction
from shared.http.auth import Identity
from shared.pages import Page, decode, page_of
from verification.adapters import verifications
from verification.domain.errors import UnknownVerification
from verification.domain.machine import State

if TYPE_CHECKING:
    from asyncpg import Record


def visible(row: Record | None, caller: Identity) -> Record:
    """Raises UnknownVerification for somebody else's, and for one nobody has been told of yet."""
    if row is None or row["state"] == State.HOLDING or not caller.may_act_for(row["user_id"]):
        raise UnknownVerification
    return row


async def verification(tx: Transaction, id_: UUID, caller: Identity) -> Record:
    """Raises UnknownVerification."""
    return visible(await verifications.get(tx, id_), caller)


async def history(tx: Transaction, user_id: str, before: str | None, limit: int) -> Page[Record]:
    """Newest first. Raises InvalidCursor."""
    number = None if before is None else decode(before)
    return page_of(await verifications.page(tx, user_id, number, limit + 1), limit)
