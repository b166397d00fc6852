"""What happened to a user, a transfer or a reference, as an operator looks it up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from notifier.adapters import timeline
from shared.pages import Page, decode, page_of

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction


async def read_timeline(
    tx: Transaction,
    *,
    user_id: str | None,
    transfer_id: UUID | None,
    reference: str | None,
    before: str | None,
    limit: int,
) -> Page[Record]:
    """Newest first; one of the three is given. Raises InvalidCursor."""
    number = None if before is None else decode(before)
    if transfer_id is not None:
        rows = await timeline.of_transfer(tx, transfer_id, number, limit + 1)
    elif reference is not None:
        rows = await timeline.of_reference(tx, reference, number, limit + 1)
    else:
        assert user_id is not None
        rows = await timeline.of_user(tx, user_id, number, limit + 1)
    return page_of(rows, limit)
