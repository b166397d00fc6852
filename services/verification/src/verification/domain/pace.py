"""When something is looked at again: soon while a person waits, then rarely, then not at all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from shared.pace import JANITOR_SECONDS

QUICK_SECONDS = (3.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds."""

    deadline: float = 600
    poll: float = 5
    credit_retry: float = 3
    abandon_after: float = 60
    review: float = 86400
    steps: Sequence[float] = QUICK_SECONDS + JANITOR_SECONDS

    def step(self, attempts: int) -> float | None:
        """The wait after so many fruitless attempts, or None when all steps have been taken."""
        return self.steps[attempts] if attempts < len(self.steps) else None

    def next_poll(self) -> float:
        """With some jitter, so that what began together does not stay together."""
        return self.poll * random.uniform(0.8, 1.2)
