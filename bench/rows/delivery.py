"""CPU of the gateway for bringing one event to one of a user's 1,000 tabs, consuming the event included."""

from __future__ import annotations

from dataclasses import dataclass

from bench.figures import Verdict, at_most, both, compared
from bench.rig import Rig, cpu_seconds
from bench.stage import Stage
from bench.turns import take_turns

TABS = 1_000
EVENTS = 60
WARM_UP_EVENTS = 10
AT_MOST_US = 18.0


@dataclass(frozen=True)
class Cost:
    """What some events cost the gateway."""

    cpu_us: float
    events: int
    frames: int


async def run(stage: Stage) -> list[Verdict]:
    async with stage.rigs(users=1, tabs_each=TABS) as (product, floor):
        for rig in (product, floor):
            await _deliver(rig, WARM_UP_EVENTS)
        costs = await take_turns(_deliver, product, floor)
    by_frame = both(costs, lambda cost: cost.cpu_us / cost.frames, "µs")
    by_event = both(costs, lambda cost: cost.cpu_us / cost.events / TABS, "µs")
    return [
        at_most(f"gateway CPU a frame delivered, {TABS:,} tabs", *by_frame, AT_MOST_US),
        compared("gateway CPU a debit and tab, all its frames", *by_event),
    ]


async def _deliver(rig: Rig, events: int = EVENTS) -> Cost:
    """One event at a time: no burst in which writes could merge."""
    pid = rig.pipeline.gateway_pid
    before, frames = cpu_seconds(pid), 0
    for _ in range(events):
        frames += (await rig.steady(1000, 1)).frames
    return Cost((cpu_seconds(pid) - before) * 1e6, events, frames)
