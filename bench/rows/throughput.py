"""Events a second through everything: from a burst's first commit until the last tab has the last frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.figures import Figures, Verdict, at_least_times, compare, compared
from bench.floor.pipeline import PlainFloor
from bench.peers.faststream_orm.pipeline import FastStreamOrm
from bench.rig import Rig, cpu_seconds, cpu_seconds_of_all
from bench.stage import Stage
from bench.turns import take_turns

USERS = 100
EVENTS = 20_000
WARM_UP_EVENTS = 2_000
# At its rate the others' burst would take it minutes.
EVENTS_OF_PEER, WARM_UP_EVENTS_OF_PEER = 800, 200
OF_FLOOR, OF_PLAIN_FLOOR, OF_PEER = 0.5, 1.0, 15.0
PEERS = (PlainFloor.name, FastStreamOrm.name)
PARTS = ("writer", "notifier", "gateway", "PostgreSQL", "RabbitMQ")


@dataclass(frozen=True)
class Burst:
    """How fast a burst went, and what each event cost whom."""

    events_per_second: float
    cpu_us: dict[str, float]


async def run(stage: Stage) -> list[Verdict]:
    async def burst(rig: Rig) -> Burst:
        before = _cpu(stage, rig)
        done = await rig.burst(EVENTS_OF_PEER if _is_peer(rig) else EVENTS)
        after = _cpu(stage, rig)
        return Burst(
            done.events_per_second,
            {part: (after[part] - before[part]) * 1e6 / len(done.commits) for part in PARTS},
        )

    async with stage.rigs(users=USERS, tabs_each=1, peers=[PlainFloor, FastStreamOrm]) as rigs:
        for rig in rigs:
            await rig.burst(WARM_UP_EVENTS_OF_PEER if _is_peer(rig) else WARM_UP_EVENTS)
        bursts = await take_turns(burst, *rigs)
    rates = _compare(bursts, lambda each: each.events_per_second, "events/s")
    return [
        at_least_times("sustained through everything", rates, OF_FLOOR),
        at_least_times(f"· beside {PlainFloor.name} alone", rates.over(PlainFloor.name), OF_PLAIN_FLOOR),
        at_least_times(f"· beside {FastStreamOrm.name}", rates.over(FastStreamOrm.name), OF_PEER),
        *_costs(bursts),
    ]


def _is_peer(rig: Rig) -> bool:
    return isinstance(rig.pipeline, FastStreamOrm)


def _costs(bursts: list[list[Burst]]) -> list[Verdict]:
    """CPU an event; unlike the rate, it hardly depends on who else uses the machine."""
    everything = _compare(bursts, lambda each: sum(each.cpu_us.values()), "µs")
    parts = [compared(f"· {part}", _compare(bursts, partial(_cost_of, part), "µs")) for part in PARTS]
    return [compared("CPU an event, everything", everything), *parts]


def _compare(bursts: list[list[Burst]], value: Callable[[Burst], float], unit: str) -> Figures:
    return compare(bursts, value, unit, digits=0, peers=PEERS)


def _cost_of(part: str, burst: Burst) -> float:
    return burst.cpu_us[part]


def _cpu(stage: Stage, rig: Rig) -> dict[str, float]:
    ours = {part: cpu_seconds(pid) for part, pid in rig.pipeline.pids.items()}
    return ours | {
        "PostgreSQL": cpu_seconds_of_all(stage.postgres.pid),
        "RabbitMQ": cpu_seconds_of_all(stage.rabbitmq.pid),
    }
