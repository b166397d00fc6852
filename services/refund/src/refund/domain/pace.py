"""When something is looked at: after its grace, after the janitor's steps, and daily for ever then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.pace import JANITOR_SECONDS


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds."""

    grace: float = 10
    steps: Sequence[float] = JANITOR_SECONDS
    abandon_after: float = 60

    def step(self, attempts: int) -> float:
        """The wait after so many fruitless looks."""
        return self.steps[min(attempts, len(self.steps) - 1)]

    @property
    def last(self) -> int:
        """After so many fruitless looks all steps have been taken: a person has to look."""
        return len(self.steps)
