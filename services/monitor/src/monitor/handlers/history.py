"""Looking at flags: one, or many."""

from __future__ import annotations

from uuid import UUID

from monitor.adapters import flags
from monitor.domain.flag import Flag, State, UnknownFlag
from shared.db import Transaction
from shared.pages import decode, page_of

SHOWN = (State.OPEN, State.CONFIRMED, State.DISPUTED)


async def one_flag(tx: Transaction, flag_id: UUID, *, caller: str, acts_for_all: bool) -> Flag:
    """Raises UnknownFlag."""
    flag = await flags.find(tx, flag_id)
    if flag is None or not (acts_for_all or (flag.user_id == caller and flag.state in SHOWN)):
        raise UnknownFlag
    return flag


async def many_flags(
    tx: Transaction,
    *,
    user_id: str | None,
    state: State | None,
    least_score: float,
    acts_for_all: bool,
    before: str | None,
    limit: int,
) -> tuple[list[Flag], str | None]:
    """Newest first, and the cursor of what comes next. Raises InvalidCursor."""
    visible = tuple(State) if acts_for_all else SHOWN
    rows = await flags.history(
        tx,
        user_id=user_id,
        states=visible if state is None else [one for one in visible if one is state],
        least_score=least_score,
        before=None if before is None else decode(before),
        limit=limit + 1,
    )
    page = page_of(rows, limit)
    return [flags.of_row(row) for row in page.items], page.next
