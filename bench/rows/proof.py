"""What trail, chain and receipts cost: the product beside itself without them."""

from __future__ import annotations

from functools import partial

import asyncpg

from bench.figures import Verdict, at_least_times, at_most_times, compare, percentile
from bench.plots import Percentiles
from bench.product.pipeline import Product
from bench.product.unproven import Unproven
from bench.rig import Rig, Run
from bench.stage import Stage
from bench.turns import take_turns
from shared.testing.waiting import until

USERS = 50
TABS_EACH = 2
REPETITIONS = 24  # A twentieth is looked for, and a turn's ratio is a tenth off.
EVENTS_BY_RATE = {20: 30, 200: 200}
BURST, WARM_UP_BURST = 10_000, 2_000
SEALED = "SELECT (SELECT count(*) FROM trail_seal) >= (SELECT count(*) FROM trail_entry)"
P50_AT_MOST, RATE_AT_LEAST = 1.05, 0.90


async def run(stage: Stage) -> list[Verdict]:
    verdicts = []
    async with stage.rigs(users=USERS, tabs_each=TABS_EACH, floor=Unproven) as rigs:
        for rig in rigs:
            await rig.steady(200, 200)
            await rig.burst(WARM_UP_BURST)
        for rate, events in EVENTS_BY_RATE.items():

            async def at_rate(rig: Rig, rate: int = rate, events: int = events) -> Run:
                return await rig.steady(rate, events)

            verdicts.append(_latency(rate, await take_turns(at_rate, *rigs, repetitions=REPETITIONS)))

        async def burst(rig: Rig) -> float:
            rate = (await rig.burst(BURST)).events_per_second
            await until(partial(_is_sealed, rig), within_seconds=60, every_seconds=0.5)
            return rate

        rates = compare(await take_turns(burst, *rigs), float, "events/s", digits=0)
    return [
        *verdicts,
        at_least_times("sustained, beside itself without trail and receipts", rates, RATE_AT_LEAST),
    ]


async def _is_sealed(rig: Rig) -> bool:
    """What was left of it for later is not to slow whoever comes next."""
    assert isinstance(rig.pipeline, Product)
    notifier = await asyncpg.connect(rig.pipeline.stack.database_url("notifier"))
    try:
        return bool(await notifier.fetchval(SEALED))
    finally:
        await notifier.close()


def _latency(rate: int, runs: list[list[Run]]) -> Verdict:
    p50s = compare(runs, lambda run: percentile(run.latencies_ms, 0.50), "ms", digits=2)
    row = f"commit → tab at {rate}/s, beside itself without trail and receipts"
    latencies = [[ms for run in its for ms in run.latencies_ms] for its in runs]
    plot = Percentiles(row, dict(zip(["product", "without"], latencies, strict=True)))
    return at_most_times(f"{row}, p50", p50s, P50_AT_MOST).with_plot(plot)
