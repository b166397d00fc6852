"""Events a second through everything: from a burst's first commit until the last tab has the last frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from bench.figures import Verdict, at_least_times, both, compared
from bench.rig import Rig, cpu_seconds, cpu_seconds_of_all
from bench.stage import Stage
from bench.turns import take_turns

USERS = 100
EVENTS = 20_000
WARM_UP_EVENTS = 2_000
AT_LEAST = 0.7
PARTS = ("writer", "notifier", "gateway", "PostgreSQL", "RabbitMQ")


@dataclass(frozen=True)
class Burst:
    """How fast a burst went, and what each event cost whom."""

    events_per_second: float
    cpu_us: dict[str, float]


async def run(stage: Stage) -> list[Verdict]:
    async def burst(rig: Rig) -> Burst:
        before = _cpu(stage, rig)
        done = await rig.burst(EVENTS)
        after = _cpu(stage, rig)
        return Burst(
            done.events_per_second,
            {part: (after[part] - before[part]) * 1e6 / len(done.commits) for part in PARTS},
        )

    async with stage.rigs(users=USERS, tabs_each=1) as (product, floor):
        for rig in (product, floor):
            await rig.burst(WARM_UP_EVENTS)
        bursts = await take_turns(burst, product, floor)
    rates = both(bursts, lambda each: each.events_per_second, "events/s", digits=0)
    return [at_least_times("sustained through everything", *rates, AT_LEAST), *_costs(bursts)]


def _costs(bursts: tuple[list[Burst], list[Burst]]) -> list[Verdict]:
    """CPU an event; unlike the rate, it hardly depends on who else uses the machine."""
    everything = both(bursts, lambda each: sum(each.cpu_us.values()), "µs", digits=0)
    parts = [compared(f"· {part}", *both(bursts, partial(_cost_of, part), "µs", digits=0)) for part in PARTS]
    return [compared("CPU an event, everything", *everything), *parts]


def _cost_of(part: str, burst: Burst) -> float:
    return burst.cpu_us[part]


def _cpu(stage: Stage, rig: Rig) -> dict[str, float]:
    ours = {part: cpu_seconds(pid) for part, pid in rig.pipeline.pids.items()}
    return ours | {
        "PostgreSQL": cpu_seconds_of_all(stage.postgres.pid),
        "RabbitMQ": cpu_seconds_of_all(stage.rabbitmq.pid),
    }
