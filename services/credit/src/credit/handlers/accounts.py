"""Opening an account, looking at it, and saying when its balance is low."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from prometheus_client import Counter

from credit.adapters import accounts
from credit.domain.errors import UnknownAccount
from shared.db import Transaction
from shared.money import Money
from shared.observability.logs import get_logger
from shared.pages import Page, decode, page_of

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

FREEZES = Counter("credit_freezes_total", "Users whose spending was stopped, or let go on.", ["change"])


async def open_account(tx: Transaction, user_id: str, threshold: Money) -> tuple[Record, bool]:
    """The account in the threshold's currency, and whether it is new. An existing one is left as it is."""
    await accounts.lock_user(tx, user_id)
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


async def freeze_account(tx: Transaction, user_id: str, flag_id: UUID) -> None:
    """Lets nothing out of any account of theirs: no debit and no hold. What is held can still be posted or
    given back, and money can come in.
    """
    await accounts.lock_user(tx, user_id)
    changed = await accounts.set_frozen(tx, user_id, True)
    if changed:
        FREEZES.labels("frozen").inc()
        log.critical("account.frozen", user_id=user_id, flag_id=str(flag_id), accounts=len(changed))


async def unfreeze_account(tx: Transaction, user_id: str, operator: str) -> list[Record]:
    """The user's accounts, open for spending, also if they were before. Raises UnknownAccount."""
    await accounts.lock_user(tx, user_id)
    changed = await accounts.set_frozen(tx, user_id, False)
    if changed:
        FREEZES.labels("lifted").inc()
        log.warning("account.unfrozen", user_id=user_id, operator=operator, accounts=len(changed))
    return await accounts_of(tx, user_id)


async def transfer(tx: Transaction, transfer_id: UUID) -> Record | None:
    """A booked transfer; None means that it has moved nothing so far."""
    return await accounts.select_transfer(tx, transfer_id)


async def statement(tx: Transaction, user_id: str, before: str | None, limit: int) -> Page[Record]:
    """What moved a user's balance. Raises InvalidCursor."""
    number = None if before is None else decode(before)
    return page_of(await accounts.select_entries(tx, user_id, number, limit + 1), limit)
