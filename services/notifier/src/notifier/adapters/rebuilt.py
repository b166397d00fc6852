"""Reads a whole stream, and writes it anew in an epoch of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from notifier.adapters.streams import Head, head_of
from notifier.domain.comparison import FIELDS, Content

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

# A statement of so many rows at a time: the others have their turn between two.
AT_ONCE = 1000
TOLD = ("kind", "title", "amount_minor", "currency")  # As the trail tells of what is stored.

_CONTENT = ", ".join(FIELDS)

_STOOD = f"""
SELECT id, seq, stored_at, read_at, {_CONTENT} FROM notification
WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""  # noqa: S608  # The columns are our own constant.

_INSERT = f"""
INSERT INTO notification (user_id, id, seq, stored_at, read_at, {_CONTENT})
SELECT $1, id, seq, coalesce(stored_at, now()), read_at, {_CONTENT} FROM unnest(
    $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::bool[], $14::bigint[], $15::text[],
    $16::uuid[], $17::timestamptz[]
) AS n(id, seq, stored_at, read_at, {_CONTENT})
"""  # noqa: S608  # As above.

# What an event is; the digest is of what was shown then, and may fit no more.
_FIRST = """
SELECT id, event_id, transfer_id, (detail::jsonb - ARRAY['reason', 'digest'])::text AS detail
FROM trail_entry WHERE user_id = $1 AND id > $2 AND what IN ('stored', 'suppressed') ORDER BY id LIMIT $3
"""

_TELL = """
INSERT INTO trail_entry (user_id, what, epoch, event_id, seq, transfer_id, detail)
SELECT $1, 'rebuilt', $2, event_id, seq, transfer_id,
    CASE WHEN seq IS NULL THEN known::jsonb ELSE known::jsonb - $8::text[] || shown END
FROM unnest($3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::jsonb[])
    WITH ORDINALITY AS m(event_id, seq, transfer_id, known, shown, n) ORDER BY n
"""


class Moved(NamedTuple):
    """An event whose notification has another number from now on, or none; as the trail is to tell of it."""

    event_id: UUID
    seq: int | None
    transfer_id: UUID | None
    known: str  # Of the event, in JSON.
    shown: dict[str, object]


async def stood(tx: Transaction, user_id: str) -> dict[UUID, dict[str, Any]]:
    """All notifications of a user by event, in the order of their places."""
    found: dict[UUID, dict[str, Any]] = {}
    seq = 0
    while True:
        rows = await tx.fetch(_STOOD, user_id, seq, AT_ONCE)
        found |= {row["id"]: dict(row) for row in rows}
        if len(rows) < AT_ONCE:
            return found
        seq = rows[-1]["seq"]


async def begin_epoch(tx: Transaction, user_id: str, by: str, notifications: int) -> int:
    """Empty a locked stream, in a new epoch, which is returned. The trail says who did so."""
    row = await tx.fetchrow("SELECT begin_epoch($1, $2, $3) AS begun", user_id, by, notifications)
    assert row is not None
    begun: int = row["begun"]
    return begun


async def moved(
    tx: Transaction, user_id: str, seqs: Mapping[UUID, int | None], made: Mapping[UUID, Content]
) -> list[Moved]:
    """What the trail is to say of events whose notifications come to stand at ``seqs``."""
    found: list[Moved] = []
    rows: Sequence[Record] = ()
    while len(found) < len(seqs):
        rows = await tx.fetch(_FIRST, user_id, rows[-1]["id"] if rows else 0, AT_ONCE)
        if not rows:
            break
        for row in rows:
            id_ = row["event_id"]
            if id_ in seqs:
                said = made.get(id_, {})
                shown = {name: said[name] for name in TOLD if said.get(name) is not None}
                found.append(Moved(id_, seqs[id_], row["transfer_id"], row["detail"], shown))
    return found


async def tell_moved(tx: Transaction, user_id: str, epoch: int, moved: Sequence[Moved]) -> None:
    """In an epoch that has begun; whatever is not told of keeps its number."""
    for start in range(0, len(moved), AT_ONCE):
        columns = map(list, zip(*moved[start : start + AT_ONCE], strict=True))
        await tx.execute(_TELL, user_id, epoch, *columns, list(TOLD))


async def fill(
    tx: Transaction,
    user_id: str,
    made: Mapping[UUID, Mapping[str, object]],
    times: Sequence[tuple[datetime | None, datetime | None]],
) -> None:
    """Notifications of an empty stream, in their order; ``times`` are when each was stored, and read."""
    rows = (
        (id_, seq, stored_at, read_at, *map(content.__getitem__, FIELDS))
        for seq, ((id_, content), (stored_at, read_at)) in enumerate(
            zip(made.items(), times, strict=True), start=1
        )
    )
    while some := list(islice(rows, AT_ONCE)):
        await tx.execute(_INSERT, user_id, *map(list, zip(*some, strict=True)))


async def count(tx: Transaction, user_id: str, *, last_seq: int, unread: int, read_seq: int) -> Head:
    row = await tx.fetchrow(
        "UPDATE stream SET last_seq = $2, unread = $3, read_seq = $4, rev = greatest(rev, $2)"
        " WHERE user_id = $1 RETURNING user_id, epoch, last_seq AS seq, unread, read_seq, rev",
        user_id,
        last_seq,
        unread,
        read_seq,
    )
    assert row is not None
    return head_of(row)
