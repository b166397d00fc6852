"""Events of whoever has dead letters: an operator has given one up."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.contract import Event, Lane, Text


class LetterDiscarded(Event):
    """What was parked will never be handled by this service; `by` is the operator who says so."""

    TYPE: ClassVar[str] = "letter.discarded.v1"
    LANE: ClassVar[Lane] = Lane.STANDARD

    event_id: UUID = Field(description="Of what was discarded.")
    event_type: Text = Field(description="Its routing key.")
    service: Text
    by: Text
    reason: Text
    transfer_id: UUID | None = Field(None, description="The transfer that it was about.")
