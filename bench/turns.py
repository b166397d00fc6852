"""Product and floor take turns, so that drift and neighbours meet both alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

REPETITIONS = 5


async def take_turns(
    measure: Callable[[T], Awaitable[R]], product: T, floor: T, repetitions: int = REPETITIONS
) -> tuple[list[R], list[R]]:
    """Measures each `repetitions` times; who goes first alternates. Answers: the product's, the floor's."""
    of_product: list[R] = []
    of_floor: list[R] = []
    for number in range(repetitions):
        pair = [(product, of_product), (floor, of_floor)]
        for subject, results in pair if number % 2 == 0 else reversed(pair):
            results.append(await measure(subject))
    return of_product, of_floor
