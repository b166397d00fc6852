"""CPU of the gateway for bringing a debit to one of its owner's many tabs, consuming it included."""

from __future__ import annotations

from bench.figures import Verdict, at_most, compare
from bench.peers.gateways import gateways
from bench.rig import Rig, cpu_seconds
from bench.stage import Stage
from bench.turns import take_turns

TABS = 1_000
EVENTS = 60
WARM_UP_EVENTS = 10
AT_MOST_US = 18.0


async def run(stage: Stage, tabs: int = TABS) -> list[Verdict]:
    async def cost_us(rig: Rig) -> float:
        return await _cost_us(rig, EVENTS * TABS // tabs) / tabs

    peers = gateways(tabs)
    async with stage.rigs(users=1, tabs_each=tabs, peers=peers) as rigs:
        for rig in rigs:
            await _cost_us(rig, WARM_UP_EVENTS)
        costs = await take_turns(cost_us, *rigs)
    deliveries = compare(costs, float, "µs", peers=[peer.name for peer in peers])
    return [at_most(f"gateway CPU a delivery, {tabs:,} tabs", deliveries, AT_MOST_US)]


async def _cost_us(rig: Rig, events: int) -> float:
    """Of an event to all tabs. One event at a time: no burst in which the writes of several could merge."""
    pid = rig.pipeline.gateway_pid
    before = cpu_seconds(pid)
    for _ in range(events):
        await rig.steady(1000, 1)
    return (cpu_seconds(pid) - before) * 1e6 / events
