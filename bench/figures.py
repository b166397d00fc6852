"""Percentiles, medians and ratios of repetitions that took turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from bench.plots import Plot

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


@dataclass(frozen=True)
class Figures:
    """The same quantity of the product, of the floor and of each peer, by its name."""

    product: Figure
    floor: Figure
    peers: Mapping[str, Figure] = field(default_factory=dict)

    def over(self, peer: str) -> Figures:
        """With this peer for a floor, and without the others."""
        return Figures(self.product, self.peers[peer])


def compare(
    results: Sequence[Sequence[R]],
    value: Callable[[R], float],
    unit: str,
    digits: int = 1,
    *,
    peers: Sequence[str] = (),
) -> Figures:
    """From the repetitions of the product, of the floor and of the peers, in this order."""
    product, floor, *others = (Figure(tuple(map(value, its)), unit, digits) for its in results)
    return Figures(product, floor, dict(zip(peers, others, strict=True)))


@dataclass(frozen=True)
class Verdict:
    """One line of the table; `met` is None without a target, `plot` where the repetitions are all."""

    row: str
    product: Figure | str
    floor: Figure | str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None
    peers: Mapping[str, Figure] = field(default_factory=dict)
    plot: Plot | None = None

    @property
    def word(self) -> str:
        return {True: "met", False: "short", None: ""}[self.met]

    def with_plot(self, plot: Plot) -> Verdict:
        return replace(self, plot=plot)


def compared(row: str, its: Figures) -> Verdict:
    """Without a target."""
    return Verdict(row, its.product, its.floor, f"{its.product.over(its.floor):.2f}×", peers=its.peers)


def at_most_times(row: str, its: Figures, limit: float) -> Verdict:
    return _judged(row, its, f"≤ {limit:g}×", its.product.over(its.floor) <= limit)


def at_least_times(row: str, its: Figures, limit: float) -> Verdict:
    return _judged(row, its, f"≥ {limit:g}×", its.product.over(its.floor) >= limit)


def at_most(row: str, its: Figures, limit: float) -> Verdict:
    """A target for the product's own median; the floor stands beside it."""
    return _judged(row, its, f"≤ {limit:g} {its.product.unit}", its.product.median <= limit)


def _judged(row: str, its: Figures, target: str, met: bool) -> Verdict:
    return replace(compared(row, its), target=target, met=met)
