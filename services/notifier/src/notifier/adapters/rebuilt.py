"""Reads a whole stream, and writes it anew in an epoch of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from notifier.adapters import trail
from notifier.adapters.streams import Head, head_of
from notifier.domain.comparison import FIELDS, Content, notification
from shared.trail import moment

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.db import Transaction

# A statement of so many rows at a time: the others have their turn between two.
AT_ONCE = 1000
SHOWN = ("kind", "title", "amount_minor", "currency")  # As the trail tells of what is stored.

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

# What an event is, and its salt; the digest is of what was shown then.
_FIRST = """
SELECT e.id, event_id, e.transfer_id, (e.detail::jsonb - ARRAY['reason', 'digest'])::text AS detail, i.salt
FROM trail_entry e LEFT JOIN inbox i USING (event_id)
WHERE e.user_id = $1 AND e.id > $2 AND e.what IN ('stored', 'suppressed') ORDER BY e.id LIMIT $3
"""

_TELL = """
INSERT INTO trail_entry (user_id, what, epoch, event_id, seq, transfer_id, detail)
SELECT $1, 'rebuilt', $2, event_id, seq, transfer_id,
    CASE WHEN seq IS NULL THEN known::jsonb ELSE known::jsonb - $8::text[] || shown END
FROM unnest($3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::jsonb[])
    WITH ORDINALITY AS m(event_id, seq, transfer_id, known, shown, n) ORDER BY n
"""


class Anew(NamedTuple):
    """An event whose notification is not what the trail says; as it is to tell of it.

    It has another number from now on, or none, or ``changed`` names the fields that say something else.
    """

    event_id: UUID
    seq: int | None
    transfer_id: UUID | None
    known: str  # Of the event, in JSON.
    shown: dict[str, str | int | None]


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


async def anew(
    tx: Transaction,
    user_id: str,
    seqs: Mapping[UUID, int | None],
    made: Mapping[UUID, Content],
    changed: Mapping[UUID, Sequence[str]],
) -> list[Anew]:
    """What the trail is to say of events whose notifications come to stand at ``seqs``."""
    found: list[Anew] = []
    rows: Sequence[Record] = ()
    while len(found) < len(seqs):
        rows = await tx.fetch(_FIRST, user_id, rows[-1]["id"] if rows else 0, AT_ONCE)
        if not rows:
            break
        for row in rows:
            id_ = row["event_id"]
            if id_ in seqs:
                shown = _shown(id_, user_id, made[id_], row["salt"]) if id_ in made else {}
                if fields := changed.get(id_):
                    shown["changed"] = ", ".join(fields)
                found.append(Anew(id_, seqs[id_], row["transfer_id"], row["detail"], shown))
    return found


def _shown(id_: UUID, user_id: str, said: Content, salt: bytes) -> dict[str, str | int | None]:
    plain = UUID(bytes=id_.bytes)  # The driver's kind is none that can be written as JSON.
    return trail.shown(plain, user_id, moment(said["occurred_at"]), notification(said), salt)


async def tell(tx: Transaction, user_id: str, epoch: int, anew: Sequence[Anew]) -> None:
    """In an epoch that has begun; whatever is not told of keeps its number, and says what it said."""
    for start in range(0, len(anew), AT_ONCE):
        columns = map(list, zip(*anew[start : start + AT_ONCE], strict=True))
        await tx.execute(_TELL, user_id, epoch, *columns, list(SHOWN))


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
