"""The last fifteen minutes of the whole system, a moment every two seconds, out of what its processes say."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

from shared.events import Lane
from shared.messaging.topology import CONSUMERS, SERVICES, dead_queue, lane_queue
from shared.observability.vitals import EVERY_SECONDS

KEPT = int(15 * 60 / EVERY_SECONDS)
A_MINUTE = int(60 / EVERY_SECONDS)
SILENT_SECONDS = 10.0
FORGOTTEN_SECONDS = 15 * 60.0

Content: TypeAlias = dict[str, Any]
# Upper bound in seconds (None: none), and how many are not above it.
Buckets: TypeAlias = list[tuple[float | None, float]]


class Told(BaseModel):
    """A process's word of itself; its counts are since it began."""

    model_config = ConfigDict(extra="ignore")

    service: str
    process: str
    began: float
    at: float
    queues: dict[str, int] = {}
    parked: int | None = None
    tabs: int | None = None
    users: int | None = None
    pushed: dict[str, float] = {}
    latency: dict[str, Buckets] = {}
    stored: dict[str, float] = {}
    lag: dict[str, tuple[float, float]] = {}
    in_hand: dict[str, int] = {}


@dataclass(slots=True)
class _Process:
    told: Told
    heard_at: float
    stored_a_second: float = 0.0
    pushed_a_second: float = 0.0
    ages: dict[str, float] = field(default_factory=dict)


class Moments:
    """Times are seconds of the wall clock, and given by the caller."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._processes: dict[str, _Process] = {}
        # By service; never forgotten, or who has gone would look like who is well.
        self._heard_at: dict[str, float] = {}
        self._new: dict[str, Buckets] = {}
        self._latencies: deque[dict[str, Buckets]] = deque(maxlen=A_MINUTE)
        self.points: deque[Content] = deque(maxlen=KEPT)
        self.now: Content = {}

    def heard(self, told: Told, at: float) -> None:
        known = self._processes.get(told.process)
        if known is None and told.began >= self._since:  # All it has counted, it has counted since then.
            known = _Process(_nothing_yet(told), at)
        process = _Process(told, at)
        seconds = 0.0 if known is None else told.at - known.told.at
        if known is not None and seconds > 0:  # A clock that was set back begins anew.
            process.stored_a_second = _sum_of_rises(known.told.stored, told.stored) / seconds
            process.pushed_a_second = _sum_of_rises(known.told.pushed, told.pushed) / seconds
            process.ages = {lane: _age(lane, known, told, seconds) for lane in Lane if lane in told.in_hand}
            for lane, buckets in told.latency.items():
                risen = _risen(known.told.latency.get(lane, []), buckets)
                self._new[lane] = _added(self._new.get(lane, []), risen)
        self._processes[told.process] = process
        self._heard_at[told.service] = at

    def close(self, at: float) -> Content:
        """End the moment that is under way: what is to be said of it."""
        for process in [p for p in self._processes.values() if at - p.heard_at > FORGOTTEN_SECONDS]:
            del self._processes[process.told.process]
            self._since = at  # Should it come back, what it counted until now is not news.
        self._latencies.append(self._new)
        heard = [process for process in self._processes.values() if at - process.heard_at <= SILENT_SECONDS]
        point: Content = {
            "at": round(at, 1),
            "stored": round(sum(process.stored_a_second for process in heard), 1),
            "pushed": round(sum(process.pushed_a_second for process in heard), 1),
            "latency": {lane: said for lane, buckets in self._new.items() if (said := _summary(buckets))},
        }
        self._new = {}
        self.points.append(point)
        self.now = {
            "at": point["at"],
            "stored": point["stored"],
            "pushed": point["pushed"],
            "lanes": {lane.value: self._lane(lane, heard) for lane in Lane},
            "gateways": [
                {"process": p.told.process, "tabs": p.told.tabs, "users": p.told.users or 0}
                for p in sorted(heard, key=lambda p: p.told.process)
                if p.told.tabs is not None
            ],
            "services": list(self._services(heard, at)),
        }
        return {"type": "vitals", "now": self.now, "points": [point]}

    def so_far(self) -> Content:
        """For who has just come: all there is."""
        return {"type": "vitals", "now": self.now, "points": list(self.points)}

    def _lane(self, lane: Lane, heard: Iterable[_Process]) -> Content:
        """``depth`` and ``age_s`` are null while nobody tells of the lane's queue."""
        told = [process for process in heard if lane_queue(lane) in process.told.queues]
        latest = max(told, key=lambda process: process.told.at, default=None)
        buckets: Buckets = []
        for each in self._latencies:
            buckets = _added(buckets, each.get(lane.value, []))
        count, p50_ms, p99_ms = _summary(buckets) or (0, None, None)
        return {
            "depth": latest
            and latest.told.queues[lane_queue(lane)] + sum(p.told.in_hand.get(lane.value, 0) for p in told),
            "age_s": latest and round(max(process.ages.get(lane.value, 0.0) for process in told), 3),
            "count": count,
            "p50_ms": p50_ms,
            "p99_ms": p99_ms,
        }

    def _services(self, heard: Sequence[_Process], at: float) -> Iterator[Content]:
        """All there are. What nobody tells now is null, and so is ``silent_s`` of one never heard."""
        for service in sorted(SERVICES):
            queue = dead_queue(service)
            ours = sorted((p.told for p in heard if p.told.service == service), key=lambda told: told.at)
            parked = [told.parked for told in ours if told.parked is not None]
            dead = [told.queues[queue] for told in ours if queue in told.queues]
            heard_at = self._heard_at.get(service)
            yield {
                "service": service,
                "processes": len(ours),
                "parks": service in CONSUMERS,
                "parked": parked[-1] if parked else None,
                "dead": dead[-1] if dead else None,
                "silent_s": None if heard_at is None else round(at - heard_at),
            }


def _nothing_yet(told: Told) -> Told:
    """What it would have said when it began."""
    return Told(service=told.service, process=told.process, began=told.began, at=told.began)


def _age(lane: Lane, known: _Process, told: Told, seconds: float) -> float:
    """How old is what is stored now. While nothing is, but something waits, it grows older."""
    lag, count = told.lag.get(lane, (0.0, 0.0))
    lag_before, count_before = known.told.lag.get(lane, (0.0, 0.0))
    if count > count_before:
        return (lag - lag_before) / (count - count_before)
    if told.in_hand.get(lane, 0) + told.queues.get(lane_queue(lane), 0) > 0:
        return known.ages.get(lane, 0.0) + seconds
    return 0.0


def _sum_of_rises(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    return sum(max(0.0, count - before.get(name, 0.0)) for name, count in after.items())


def _risen(before: Buckets, after: Buckets) -> Buckets:
    known = dict(before)
    return [(bound, count - known.get(bound, 0.0)) for bound, count in after]


def _added(one: Buckets, other: Buckets) -> Buckets:
    if not one or not other:
        return one or other
    known = dict(other)
    return [(bound, count + known.get(bound, 0.0)) for bound, count in one]


def _summary(buckets: Buckets) -> tuple[int, float, float] | None:
    """How many, and their p50 and p99 in milliseconds; None where there are none."""
    if not buckets or buckets[-1][1] <= 0:
        return None
    return int(buckets[-1][1]), quantile_ms(buckets, 0.5), quantile_ms(buckets, 0.99)


def quantile_ms(buckets: Buckets, share: float) -> float:
    """As Prometheus has it: even within a bucket; beyond the last bound, that bound."""
    rank = share * buckets[-1][1]
    for (lower, below), (upper, count) in pairwise([(0.0, 0.0), *buckets]):
        assert lower is not None
        if count >= rank and count > below:
            bound = lower if upper is None else lower + (upper - lower) * (rank - below) / (count - below)
            return round(bound * 1000, 2)
    raise ValueError("no bucket holds any")
