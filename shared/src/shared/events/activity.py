"""Events of the monitor: unusual activity."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.contract import Event, Lane, Text


class ActivityFlagged(Event):
    """Something unusual was seen on the account; ``seen`` says what, to its owner."""

    TYPE: ClassVar[str] = "activity.flagged.v1"
    LANE: ClassVar[Lane] = Lane.CRITICAL

    flag_id: UUID
    seen: Text
    rules: tuple[Text, ...] = ()
    score: float | None = Field(None, description="The highest of the rules' scores, above 0, 1 at most.")


class ActivityConfirmed(Event):
    """Its owner says: this was me."""

    TYPE: ClassVar[str] = "activity.confirmed.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    flag_id: UUID


class ActivityDisputed(Event):
    """Its owner says: not me. With ``freeze`` credit lets nothing out until an operator lifts that."""

    TYPE: ClassVar[str] = "activity.disputed.v1"
    LANE: ClassVar[Lane] = Lane.HIGH

    flag_id: UUID
    freeze: bool
