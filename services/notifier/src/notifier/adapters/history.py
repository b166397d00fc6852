"""Pages of a stream, narrowed by any filters; one index has all of them, so that no row is read in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.adapters.streams import ITEM_COLUMNS, Head
from notifier.domain.filters import Filters, Flow

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

_PAGE = f"""
SELECT {ITEM_COLUMNS} FROM notification n
WHERE n.user_id = $1 AND n.seq < $2 {{conditions}} ORDER BY n.seq DESC LIMIT $3
"""  # noqa: S608  # The columns are our own constant.

_FLOWS = {Flow.IN: "n.amount_minor > 0", Flow.OUT: "n.amount_minor < 0"}


async def page(tx: Transaction, head: Head, *, before: int, limit: int, filters: Filters) -> list[Record]:
    """Rows older than ``before``, newest first: at most ``limit``."""
    arguments: list[object] = [head.user_id, before, limit]
    conditions = [] if filters.money is None else [_FLOWS[filters.money]]
    if filters.unread:
        conditions.append("n.read_at IS NULL")
    compared = {
        "n.seq >": head.read_seq if filters.unread else None,
        "n.category =": filters.category,
        "split_part(n.kind, '.', 1) =": filters.kind,
        "n.occurred_at >=": filters.since,
        "n.occurred_at <": filters.until,
    }
    for comparison, value in compared.items():
        if value is not None:
            arguments.append(value)
            conditions.append(f"{comparison} ${len(arguments)}")
    narrowed = "".join(f" AND {condition}" for condition in conditions)
    return await tx.fetch(_PAGE.format(conditions=narrowed), *arguments)
