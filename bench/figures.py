"""Percentiles, medians and ratios of repetitions that took turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

R = TypeVar("R")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(frozen=True)
class Figure:
    """One quantity, measured several times in the same run."""

    values: tuple[float, ...]
    unit: str
    digits: int = 1

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def over(self, other: Figure) -> float:
        """The median of the ratios of neighbouring repetitions: what slows both leaves it alone."""
        return statistics.median(a / b for a, b in zip(self.values, other.values, strict=True))

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{self._number(self.median)} {self.unit} ({self._number(low)} to {self._number(high)})"

    def _number(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


def both(
    results: tuple[Sequence[R], Sequence[R]], value: Callable[[R], float], unit: str, digits: int = 1
) -> tuple[Figure, Figure]:
    """The same quantity of the product's and of the floor's repetitions."""
    product, floor = (Figure(tuple(map(value, its)), unit, digits) for its in results)
    return product, floor


@dataclass(frozen=True)
class Verdict:
    """One line of the table; `met` is None where there is no target."""

    row: str
    product: str
    floor: str
    ratio: str
    target: str = ""
    met: bool | None = None

    @property
    def word(self) -> str:
        return {True: "met", False: "short", None: ""}[self.met]


def compared(row: str, product: Figure, floor: Figure) -> Verdict:
    """Without a target."""
    return Verdict(row, str(product), str(floor), f"{product.over(floor):.2f}×")


def at_most_times(row: str, product: Figure, floor: Figure, limit: float) -> Verdict:
    ratio = product.over(floor)
    return Verdict(row, str(product), str(floor), f"{ratio:.2f}×", f"≤ {limit:g}×", ratio <= limit)


def at_least_times(row: str, product: Figure, floor: Figure, limit: float) -> Verdict:
    ratio = product.over(floor)
    return Verdict(row, str(product), str(floor), f"{ratio:.2f}×", f"≥ {limit:g}×", ratio >= limit)


def at_most(row: str, product: Figure, floor: Figure, limit: float) -> Verdict:
    """A target for the product's own median; the floor stands beside it."""
    ratio = f"{product.over(floor):.2f}×"
    target = f"≤ {limit:g} {product.unit}"
    return Verdict(row, str(product), str(floor), ratio, target, product.median <= limit)
