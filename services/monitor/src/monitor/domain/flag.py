"""A flag: what one event met, what its owner was told, and what they said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from monitor.domain.rules import Rule


class State(StrEnum):
    """``logged`` ones are for operations alone; the others wait for their owner's answer, or have it."""

    LOGGED = "logged"
    OPEN = "open"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was met, and what was seen."""

    rule: Rule
    seen: str


@dataclass(frozen=True, slots=True)
class Flag:
    """``freezes``: disputed, it ends the spending until an operator lifts that."""

    id: UUID
    user_id: str
    rules: Sequence[str]
    score: float
    seen: str
    freezes: bool
    state: State
    occurred_at: datetime
    answered_at: datetime | None


class UnknownFlag(Exception):
    """There is no such flag, or it is somebody else's."""


class Disputed(Exception):
    """The owner has said that it was not them: that cannot be taken back here."""

    def __init__(self, flag: Flag) -> None:
        super().__init__(flag.state)
        self.flag = flag


def worst(hits: Sequence[Hit]) -> Hit:
    """Scores combine by maximum: averaged, a 0.9 beside a 0.1 would pass as a 0.5."""
    return max(hits, key=lambda hit: hit.rule.score)
