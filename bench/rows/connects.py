"""Tabs that connect as fast as they are let in: ticket, handshake, hello, until each is live."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

from bench.child import Child
from bench.figures import Figure, Verdict, compare, compared
from bench.floor.pipeline import Floor
from bench.peers.gateways import GATEWAYS
from bench.rig import Pipeline, cpu_seconds
from bench.stage import Stage
from bench.turns import take_turns

TABS = 2_000
WARM_UP_TABS = 300
AT_LEAST = 900


@dataclass(frozen=True)
class Connecting:
    tabs_per_second: float
    gateway_us: float
    others_us: float


async def run(stage: Stage) -> list[Verdict]:
    # Nobody comes twice: a token that was seen before is not verified again.
    users = (f"comer-{number}" for number in itertools.count())

    async def connect(pipeline: Pipeline) -> Connecting:
        return await _connect(pipeline, users, TABS)

    async with AsyncExitStack() as exits:
        pipelines = stage.pipelines([], [Floor, *GATEWAYS])
        for pipeline in pipelines:
            await exits.enter_async_context(pipeline)
            await _connect(pipeline, users, WARM_UP_TABS)
        results = await take_turns(connect, *pipelines)
    peers = [peer.name for peer in GATEWAYS]
    rates = compare(results, lambda its: its.tabs_per_second, "/s", digits=0, peers=peers)
    costs = compare(results, lambda its: its.gateway_us, "µs", digits=0, peers=peers)
    others = Figure(tuple(its.others_us for its in results[0]), "µs", 0)
    met = rates.product.median >= AT_LEAST
    return [
        Verdict(
            "connects with a ticket",
            rates.product,
            rates.floor,
            f"{rates.product.over(rates.floor):.2f}×",
            f"≥ {AT_LEAST}/s",
            met,
            rates.peers,
        ),
        compared("gateway CPU a connect", costs),
        Verdict("notifier CPU a connect", others),
    ]


async def _connect(pipeline: Pipeline, users: Iterator[str], tabs: int) -> Connecting:
    tokens = pipeline.tokens(list(itertools.islice(users, tabs)))
    async with Child("bench.tabs", asdict(pipeline.entrance())) as load:
        before = _cpu(pipeline)
        answer = await load.ask("open", tokens=tokens, each=1)
        after = _cpu(pipeline)
        await load.ask("close")
    gateway, notifier = ((after[part] - before[part]) * 1e6 / tabs for part in ("gateway", "notifier"))
    return Connecting(tabs / answer["seconds"], gateway, notifier)


def _cpu(pipeline: Pipeline) -> dict[str, float]:
    return {part: cpu_seconds(pid) for part, pid in pipeline.pids.items()}
