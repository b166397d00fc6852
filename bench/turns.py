"""Product, floor and peers take turns, so that drift and neighbours meet all alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

REPETITIONS = 5


async def take_turns(
    measure: Callable[[T], Awaitable[R]], *subjects: T, repetitions: int = REPETITIONS
) -> list[list[R]]:
    """Measures each `repetitions` times, now from first to last, now back; answers each one's results.

    Product and floor come first, and so are always neighbours.
    """
    results: list[list[R]] = [[] for _ in subjects]
    pairs = list(zip(subjects, results, strict=True))
    for number in range(repetitions):
        for subject, its in pairs if number % 2 == 0 else reversed(pairs):
            its.append(await measure(subject))
    return results
