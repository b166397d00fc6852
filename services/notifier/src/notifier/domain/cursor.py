"""Whether a tab can go on from where it stands in its user's stream."""

from __future__ import annotations

from shared.streams import MAX_BEHIND, Cursor


def can_resume(cursor: Cursor, head: Cursor) -> bool:
    """False when the stream was rebuilt, when the cursor is ahead of it, or too far behind to replay."""
    return cursor.epoch == head.epoch and 0 <= head.seq - cursor.seq <= MAX_BEHIND
