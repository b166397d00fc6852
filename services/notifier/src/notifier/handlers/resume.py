"""Where streams stand and what comes after a cursor, for one user or hundreds in two statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notifier.adapters import streams
from notifier.adapters.batch import BalanceRow
from notifier.adapters.streams import Head, Replay
from notifier.domain.cursor import can_resume
from shared.streams import Cursor, InvalidCursor

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction
    from shared.streams import StreamRequest


@dataclass(frozen=True, slots=True)
class Standing:
    """A stream's head and its user's balances, as of one moment."""

    head: Head
    balances: list[BalanceRow]


@dataclass(slots=True)
class Resumed:
    """What one tab missed; with ``reset`` it must load its history afresh."""

    standing: Standing
    reset: bool
    rows: list[Record] = field(default_factory=list)


async def standings(tx: Transaction, user_ids: Sequence[str]) -> dict[str, Standing]:
    users = list(dict.fromkeys(user_ids))
    return {user: Standing(*known) for user, known in (await streams.standings(tx, users)).items()}


async def resume(tx: Transaction, requests: Sequence[StreamRequest]) -> list[Resumed]:
    """One answer a request, in their order."""
    known = await standings(tx, [request.user_id for request in requests])
    return await resume_from(tx, [(known[request.user_id], request) for request in requests])


async def resume_from(tx: Transaction, requests: Sequence[tuple[Standing, StreamRequest]]) -> list[Resumed]:
    """The same, for standings that were read before: items end at their heads, whatever came since."""
    answers: list[Resumed] = []
    wanted: list[Replay] = []
    wanting: list[Resumed] = []
    for standing, request in requests:
        after = _place(request.after, standing.head)
        answer = Resumed(standing, reset=after is None)
        answers.append(answer)
        if after is not None and after < standing.head.cursor.seq:
            wanted.append(Replay(standing.head, after, request.limit))
            wanting.append(answer)
    for answer, rows in zip(wanting, await streams.replays(tx, wanted), strict=True):
        answer.rows = rows
    return answers


def _place(after: str | None, head: Head) -> int | None:
    """The seq to go on from; None when that is impossible."""
    if after is None:
        return head.cursor.seq
    try:
        cursor = Cursor.parse(after)
    except InvalidCursor:
        return None
    return cursor.seq if can_resume(cursor, head.cursor) else None
