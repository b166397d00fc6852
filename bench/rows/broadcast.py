"""One debit that is for 10,000 tabs: when the last of them has it, and what each costs the gateway."""

from __future__ import annotations

from dataclasses import dataclass

from bench.figures import Verdict, at_most, compare
from bench.rig import Rig, cpu_seconds
from bench.stage import Stage
from bench.turns import take_turns

TABS = 10_000
EVENTS = 4
LAST_AT_MOST_MS = 400.0
COST_AT_MOST_US = 23.0


@dataclass(frozen=True)
class Broadcasts:
    """One after the other: the median of their last arrivals, and the gateway's CPU for each delivery."""

    last_ms: float
    cost_us: float


async def run(stage: Stage) -> list[Verdict]:
    async with stage.rigs(users=1, tabs_each=TABS) as rigs:
        for rig in rigs:
            await rig.steady(1000, 1)
        broadcasts = await take_turns(_broadcast, *rigs)
    lasts = compare(broadcasts, lambda its: its.last_ms, "ms", digits=0)
    costs = compare(broadcasts, lambda its: its.cost_us, "µs")
    return [
        at_most(f"one debit on {TABS:,} tabs, the last of them", lasts, LAST_AT_MOST_MS),
        at_most(f"gateway CPU a delivery, {TABS:,} tabs", costs, COST_AT_MOST_US),
    ]


async def _broadcast(rig: Rig) -> Broadcasts:
    pid = rig.pipeline.gateway_pid
    before = cpu_seconds(pid)
    lasts = [max((await rig.steady(1000, 1)).latencies_ms) for _ in range(EVENTS)]
    cost_us = (cpu_seconds(pid) - before) * 1e6 / (EVENTS * TABS)
    return Broadcasts(sorted(lasts)[EVENTS // 2], cost_us)
