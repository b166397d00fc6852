"""Which faults, in which order and with which pauses: made from the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST_PAUSE_SECONDS = 2.0
PAIRED = 0.25  # The share of steps in which two things break at once.


@dataclass(frozen=True, slots=True)
class Step:
    """Faults that begin together, and the pause once they are over. ``seed`` is for their dice."""

    faults: tuple[str, ...]
    pause_seconds: float
    seed: int


def plan(seed: int, faults: Mapping[str, str]) -> Iterator[Step]:
    """Steps without an end. ``faults`` are names, each with what it breaks; a pair breaks two things.

    Every fault comes once before any comes again, so that a run meets as many as it has time for.
    """
    dice = random.Random(f"plan {seed}")
    while True:
        bag = sorted(faults)
        dice.shuffle(bag)
        while bag:
            chosen = [bag.pop()]
            others = [name for name in bag if faults[name] != faults[chosen[0]]]
            if others and dice.random() < PAIRED:
                chosen.append(dice.choice(others))
                bag.remove(chosen[1])
            yield Step(tuple(chosen), dice.uniform(0, LONGEST_PAUSE_SECONDS), dice.randrange(2**32))
