"""How much a gateway's process grows for each idle tab, 5,000 users with one tab each."""

from __future__ import annotations

import asyncio

from bench.figures import Verdict, at_most, both
from bench.rig import Pipeline, Rig, resident_kb
from bench.stage import Stage
from bench.turns import take_turns

TABS = 5_000
WARM_UP_TABS = 100
AT_MOST_KB = 28.0
STILL_KB = 64.0
LOOK_EVERY_SECONDS = 0.2


async def run(stage: Stage) -> list[Verdict]:
    users = [f"idle-{number}" for number in range(TABS)]

    async def grow(pipeline: Pipeline) -> float:
        return await _growth_kb(pipeline, users)

    async with stage.product([]) as product, stage.floor([]) as floor:
        pipelines: tuple[Pipeline, Pipeline] = (product, floor)
        growth = await take_turns(grow, *pipelines)
    kilobytes = both(growth, float, "KB")
    return [at_most(f"memory an idle tab, {TABS:,} tabs", *kilobytes, AT_MOST_KB)]


async def _growth_kb(pipeline: Pipeline, users: list[str]) -> float:
    await pipeline.fresh_gateway()
    # The first tabs pay for what all of them share: code, connections, first-time caches.
    async with Rig(pipeline, users[:WARM_UP_TABS], 1):
        before = await _settled_kb(pipeline.gateway_pid)
        async with Rig(pipeline, users, 1) as idle:
            after = await _settled_kb(pipeline.gateway_pid)
            await idle.close_tabs()
    return (after - before) / len(users)


async def _settled_kb(pid: int) -> float:
    """What the process holds once it has stopped changing."""
    last = resident_kb(pid)
    while True:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        now = resident_kb(pid)
        if abs(now - last) < STILL_KB:
            return now
        last = now
