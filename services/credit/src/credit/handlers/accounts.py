"""Opening an account, looking at it, and saying when its balance is low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from credit.adapters import accounts
from credit.domain import cursor
from credit.domain.errors import UnknownAccount
from shared.db import Transaction
from shared.money import Money

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and the cursor of the page after them."""

    entries: list[Record]
    next: str | None


async def open_account(tx: Transaction, user_id: str, threshold: Money) -> tuple[Record, bool]:
    """The account in the threshold's currency, and whether it is new. An existing one is left as it is."""
    opened = await accounts.insert_account(tx, user_id, threshold.currency, threshold.minor)
    if opened is not None:
        return opened, True
    known = await accounts.select_accounts(tx, user_id)
    return next(row for row in known if row["currency"] == threshold.currency), False


async def accounts_of(tx: Transaction, user_id: str) -> list[Record]:
    """A user's accounts, one for each currency. Raises UnknownAccount when there is none."""
    known = await accounts.select_accounts(tx, user_id)
    if not known:
        raise UnknownAccount
    return known


async def set_low_balance_threshold(tx: Transaction, user_id: str, threshold: Money) -> Record:
    """Raises UnknownAccount."""
    changed = await accounts.update_threshold(tx, user_id, threshold.currency, threshold.minor)
    if changed is None:
        raise UnknownAccount
    return changed


async def statement(tx: Transaction, user_id: str, before: str | None, limit: int) -> Page:
    """What moved a user's balance. Raises InvalidCursor."""
    number = None if before is None else cursor.decode(before)
    # One more than asked for tells whether there is a page after this one.
    rows = await accounts.select_entries(tx, user_id, number, limit + 1)
    shown = rows[:limit]
    return Page(shown, cursor.encode(shown[-1]["number"]) if len(rows) > limit else None)
