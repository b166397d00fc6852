"""Writes a gateway's receipts to the trail: each batch once, with all that is in it, in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.events.receipts import ReceiptBatch

if TYPE_CHECKING:
    from shared.db import Transaction

# A batch that came before finds its inbox row, and nothing of it is written again.
STORE = """
WITH fresh AS (
    INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id
)
INSERT INTO trail_entry (user_id, what, epoch, seq, up_to, detail)
SELECT user_id, what, epoch, seq, up_to, detail
FROM unnest(
    $2::uuid[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::json[]
) WITH ORDINALITY AS r(batch, user_id, what, epoch, seq, up_to, detail, place)
JOIN fresh ON fresh.event_id = r.batch
ORDER BY place
"""


async def store(tx: Transaction, batches: Sequence[ReceiptBatch]) -> int:
    """Store batches of distinct ids; returns how many entries are new. One statement, one round trip."""
    columns = [list(column) for column in zip(*_rows(batches), strict=True)] or [[] for _ in range(7)]
    stored = await tx.execute(STORE, sorted(batch.id for batch in batches), *columns)
    return int(stored.rpartition(" ")[2])


def _rows(batches: Sequence[ReceiptBatch]) -> Iterator[tuple[object, ...]]:
    for batch in batches:
        for pushed in batch.pushed:
            detail: dict[str, object] = {"tabs": pushed.tabs, "pushed_at": _text(pushed.at)}
            at = (pushed.epoch, pushed.seq, pushed.up_to)
            yield batch.id, pushed.user_id, "pushed", *at, {"gateway": batch.gateway, **detail}
        for said in batch.acknowledged:
            detail = {"session": said.session, "acknowledged_at": _text(said.at)}
            if said.seq < said.sent_from:  # Else all of it was sent to the session itself.
                detail["sent_from"] = said.sent_from
            at = (said.epoch, said.seq, said.up_to)
            yield batch.id, said.user_id, "acknowledged", *at, {"gateway": batch.gateway, **detail}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
