"""What a process says of itself every two seconds, read from the metrics it keeps anyway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from prometheus_client.metrics import MetricWrapperBase

EXCHANGE = "vitals"
EVERY_SECONDS = 2.0

# Plain JSON: numbers by name, or by lane.
Reading: TypeAlias = dict[str, object]


def value(metric: MetricWrapperBase) -> float:
    """Of a gauge, or a counter, that has no labels."""
    return sum(count for _, count in _samples(metric, ("", "_total")))


def by_lane(metric: MetricWrapperBase) -> dict[str, float]:
    """Of a counter with the label ``lane``."""
    return {labels["lane"]: count for labels, count in _samples(metric, ("_total",))}


def sums(metric: MetricWrapperBase) -> dict[str, tuple[float, float]]:
    """Of a histogram with the label ``lane``: how many seconds in all, and how often."""
    seconds = {labels["lane"]: total for labels, total in _samples(metric, ("_sum",))}
    counts = {labels["lane"]: count for labels, count in _samples(metric, ("_count",))}
    return {lane: (total, counts[lane]) for lane, total in seconds.items()}


def buckets(metric: MetricWrapperBase) -> dict[str, list[tuple[float | None, float]]]:
    """Of a histogram with the label ``lane``: upper bounds in seconds (None: none) and how many are below."""
    found: dict[str, list[tuple[float | None, float]]] = {}
    for labels, count in _samples(metric, ("_bucket",)):
        bound = None if labels["le"] == "+Inf" else float(labels["le"])
        found.setdefault(labels["lane"], []).append((bound, count))
    return found


def _samples(metric: MetricWrapperBase, endings: tuple[str, ...]) -> Iterable[tuple[dict[str, str], float]]:
    for family in metric.collect():
        names = {f"{family.name}{ending}" for ending in endings}
        for sample in family.samples:
            if sample.name in names:
                yield sample.labels, sample.value
