"""CPU of the gateway for bringing a debit to one of its owner's 1,000 tabs, consuming it included."""

from __future__ import annotations

from bench.figures import Verdict, at_most, both
from bench.rig import Rig, cpu_seconds
from bench.stage import Stage
from bench.turns import take_turns

TABS = 1_000
EVENTS = 60
WARM_UP_EVENTS = 10
AT_MOST_US = 18.0


async def run(stage: Stage) -> list[Verdict]:
    async with stage.rigs(users=1, tabs_each=TABS) as (product, floor):
        for rig in (product, floor):
            await _cost_us(rig, WARM_UP_EVENTS)
        costs = await take_turns(_cost_us, product, floor)
    deliveries = both(costs, float, "µs")
    return [at_most(f"gateway CPU a delivery, {TABS:,} tabs", *deliveries, AT_MOST_US)]


async def _cost_us(rig: Rig, events: int = EVENTS) -> float:
    """One event at a time: no burst in which the writes of several could merge."""
    pid = rig.pipeline.gateway_pid
    before = cpu_seconds(pid)
    for _ in range(events):
        await rig.steady(1000, 1)
    return (cpu_seconds(pid) - before) * 1e6 / (events * TABS)
