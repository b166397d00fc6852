"""How much a gateway's process grows for each idle tab, up to 10,000 users with one tab each."""

from __future__ import annotations

import asyncio
import statistics
from contextlib import AsyncExitStack

from bench.figures import Verdict, at_most, compare
from bench.floor.pipeline import Floor
from bench.peers.gateways import GATEWAYS
from bench.plots import Growth
from bench.rig import Pipeline, Rig, resident_kb
from bench.stage import Stage
from bench.turns import take_turns

TABS = 10_000
# What a tab costs a peer does not change with their number, and opening them takes most of the time.
PEERS_SHARE = 4
STEPS = 5
WARM_UP_TABS = 100
AT_MOST_KB = 28.0
STILL_KB = 64.0
LOOK_EVERY_SECONDS = 0.2

Curve = list[float]  # Kilobytes grown after each step.


async def run(stage: Stage, tabs: int = TABS) -> list[Verdict]:
    async def grow(pipeline: Pipeline) -> Curve:
        return await _growth_kb(pipeline, tabs_of(pipeline) // STEPS)

    def tabs_of(pipeline: Pipeline) -> int:
        return tabs // PEERS_SHARE if isinstance(pipeline, GATEWAYS) else tabs

    async with AsyncExitStack() as exits:
        pipelines = stage.pipelines([], [Floor, *GATEWAYS])
        for pipeline in pipelines:
            await exits.enter_async_context(pipeline)
        curves = await take_turns(grow, *pipelines)
    peers = [peer.name for peer in GATEWAYS]
    each = [
        [curve[-1] / tabs_of(pipeline) for curve in its]
        for pipeline, its in zip(pipelines, curves, strict=True)
    ]
    kilobytes = compare(each, float, "KB", peers=peers)
    plot = Growth(
        "memory of a gateway by idle tabs",
        "tabs",
        "MB grown",
        {
            name: _median_curve(its, tabs_of(pipeline) // STEPS)
            for name, pipeline, its in zip(["product", "floor", *peers], pipelines, curves, strict=True)
        },
    )
    return [at_most(f"memory an idle tab, {tabs:,} tabs", kilobytes, AT_MOST_KB).with_plot(plot)]


async def _growth_kb(pipeline: Pipeline, tabs_a_step: int) -> Curve:
    await pipeline.fresh_gateway()
    curve, open_rigs = Curve(), []
    async with AsyncExitStack() as exits:
        # The first tabs pay for what all of them share: code, connections, first-time caches.
        warm = [f"idle-{number}" for number in range(WARM_UP_TABS)]
        await exits.enter_async_context(Rig(pipeline, warm, 1))
        before = await _settled_kb(pipeline.gateway_pid)
        for step in range(STEPS):
            users = [f"idle-{step * tabs_a_step + number}" for number in range(tabs_a_step)]
            open_rigs.append(await exits.enter_async_context(Rig(pipeline, users, 1)))
            curve.append(await _settled_kb(pipeline.gateway_pid) - before)
        for rig in open_rigs:
            await rig.close_tabs()
    return curve


async def _settled_kb(pid: int) -> float:
    """What the process holds once it has stopped changing."""
    last = resident_kb(pid)
    while True:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        now = resident_kb(pid)
        if abs(now - last) < STILL_KB:
            return now
        last = now


def _median_curve(curves: list[Curve], tabs_a_step: int) -> list[tuple[float, float]]:
    medians = [statistics.median(kilobytes) / 1024 for kilobytes in zip(*curves, strict=True)]
    return [(0.0, 0.0)] + [((step + 1) * tabs_a_step, grown) for step, grown in enumerate(medians)]
