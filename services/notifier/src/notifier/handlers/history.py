"""Pages through a user's history, newest first, by an opaque cursor that stays valid while more arrives."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.adapters import history, streams
from notifier.adapters.streams import Head
from notifier.domain.filters import Filters
from shared.streams import Cursor, InvalidCursor

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as of ``head``, and the cursor of the next page, if there is one."""

    head: Head
    rows: list[Record]
    next: str | None


async def read_page(
    tx: Transaction, user_id: str, *, before: str | None, limit: int, filters: Filters
) -> Page:
    """Raises InvalidCursor, also when the stream was rebuilt since the cursor was given."""
    head = (await streams.heads(tx, [user_id]))[user_id]
    # Only what the head knows of: the page and its counts are of one moment.
    below = head.cursor.seq + 1 if before is None else min(_below(before, head), head.cursor.seq + 1)
    rows = await history.page(tx, head, before=below, limit=limit + 1, filters=filters)
    more, rows = len(rows) > limit, rows[:limit]
    return Page(head, rows, _opaque(Cursor(head.cursor.epoch, rows[-1]["seq"])) if more else None)


def _opaque(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(str(cursor).encode()).decode().rstrip("=")


def _below(text: str, head: Head) -> int:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = Cursor.parse(base64.urlsafe_b64decode(padded).decode("ascii"))
    except (UnicodeError, binascii.Error):
        raise InvalidCursor("this is not a cursor of ours") from None
    if cursor.epoch != head.cursor.epoch:
        raise InvalidCursor("the history was rebuilt since this cursor was given")
    return cursor.seq
