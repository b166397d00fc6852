"""Events as they came: kept with their inbox row, and read again in the order in which they were stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from shared.events import Envelope

if TYPE_CHECKING:
    from shared.db import Transaction

# Those that stand in no column of their own.
HEADERS = ("source", "traceparent", "correlationid", "causationid")

# One user's stream is locked when what is shown gets its entry, so the trail's order is that of their places.
_ORDER = """
SELECT event_id, seq FROM trail_entry
WHERE user_id = $1 AND what IN ('stored', 'suppressed', 'rebuilt') AND event_id IS NOT NULL ORDER BY id
"""

_EVENTS = """
SELECT i.event_id, i.user_id, i.type, i.occurred_at, i.headers, i.body
FROM unnest($1::uuid[]) AS w(event_id) JOIN inbox i USING (event_id) WHERE i.body IS NOT NULL
"""


def columns(envelopes: Sequence[Envelope]) -> Iterator[Sequence[object]]:
    """Of the inbox, but for the event's id and the salt; in the order given."""
    yield [envelope.subject for envelope in envelopes]
    yield [envelope.type for envelope in envelopes]
    yield [envelope.time for envelope in envelopes]
    yield [_headers(envelope) for envelope in envelopes]
    yield [envelope.data for envelope in envelopes]


def _headers(envelope: Envelope) -> dict[str, str]:
    return {name: value for name in HEADERS if (value := getattr(envelope, name)) is not None}


async def order(tx: Transaction, user_id: str) -> dict[UUID, int | None]:
    """Ids of all the user's events that were stored, in the order in which they were.

    With each, the number that its notification has now by the trail; None where it has none.
    """
    # A dict keeps the place of what came first, and the number that was said last.
    return {row["event_id"]: row["seq"] for row in await tx.fetch(_ORDER, user_id)}


async def read(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Envelope]:
    """Those of them that were kept."""
    return {
        row["event_id"]: Envelope(
            id=row["event_id"],
            type=row["type"],
            subject=row["user_id"],
            time=row["occurred_at"],
            data=row["body"],
            **row["headers"],
        )
        for row in await tx.fetch(_EVENTS, ids)
    }
