"""How much of the machine other programs took while we measured."""

from __future__ import annotations

import os
import time

import psutil

from bench.rig import cpu_seconds_of_all


class Neighbours:
    """Counts from its construction; `share` is of all cores together."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._all = _machine_seconds()
        self._ours = cpu_seconds_of_all(os.getpid())

    def share(self) -> float:
        capacity = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        theirs = (_machine_seconds() - self._all) - (cpu_seconds_of_all(os.getpid()) - self._ours)
        return max(0.0, theirs / capacity)


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)
