"""Events of the monitor: unusual activity."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.events.contract import Event, Lane, Text


class ActivityFlagged(Event):
    """Something unusual was seen on the account; ``seen`` says what, to its owner."""

    TYPE: ClassVar[str] = "activity.flagged.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    flag_id: UUID
    seen: Text
