"""What trail, chain and receipts cost: the product beside itself without them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import monotonic

import asyncpg

from bench.figures import Figure, Verdict, at_least_times, at_most_times, compare, compared, percentile
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
SESSIONS = "SELECT count(DISTINCT detail ->> 'session') FROM trail_entry WHERE what = 'acknowledged'"
ENTRIES = "SELECT count(*) FROM trail_entry"
P50_AT_MOST, RATE_AT_LEAST = 1.05, 0.90


@dataclass(frozen=True)
class Burst:
    """Sealing gives way to what somebody waits for: most of a burst's is done behind it."""

    events_per_second: float
    sealed_after_seconds: float


async def run(stage: Stage) -> list[Verdict]:
    verdicts = []
    async with stage.rigs(users=USERS, tabs_each=TABS_EACH, floor=Unproven) as rigs:
        for rig in rigs:
            await rig.steady(200, 200)
            await rig.burst(WARM_UP_BURST)
        for rate, events in EVENTS_BY_RATE.items():

            async def at_rate(rig: Rig, rate: int = rate, events: int = events) -> Run:
                return await rig.steady(rate, events)

            verdicts += _latency(rate, await take_turns(at_rate, *rigs, repetitions=REPETITIONS))

        bursts = await take_turns(_burst, *rigs, repetitions=REPETITIONS)
        await _check(*rigs)
    rates = compare(bursts, lambda burst: burst.events_per_second, "events/s", digits=0)
    sealed = Figure(tuple(burst.sealed_after_seconds for burst in bursts[0]), "s")
    return [
        *verdicts,
        at_least_times("sustained, beside itself without trail and receipts", rates, RATE_AT_LEAST),
        Verdict("· all of 10,000 sealed, after the last tab has its last", sealed),
    ]


async def _burst(rig: Rig) -> Burst:
    rate = (await rig.burst(BURST)).events_per_second
    began = monotonic()
    # What was left of it for later is not to slow whoever comes next.
    await until(partial(_asked, rig, SEALED), within_seconds=60, every_seconds=0.5)
    return Burst(rate, monotonic() - began)


async def _check(proven: Rig, unproven: Rig) -> None:
    """Each tab's word is in the trail of the one; the other has none."""

    async def all_have_acknowledged() -> bool:
        return await _asked(proven, SESSIONS) == USERS * TABS_EACH

    await until(all_have_acknowledged)
    assert await _asked(unproven, ENTRIES) == 0


async def _asked(rig: Rig, sql: str) -> int:
    assert isinstance(rig.pipeline, Product)
    notifier = await asyncpg.connect(rig.pipeline.stack.database_url("notifier"))
    try:
        return int(await notifier.fetchval(sql))
    finally:
        await notifier.close()


def _latency(rate: int, runs: list[list[Run]]) -> list[Verdict]:
    row = f"commit → tab at {rate}/s, beside itself without trail and receipts"
    p50s = compare(runs, lambda run: percentile(run.latencies_ms, 0.50), "ms", digits=2)
    p99s = compare(runs, lambda run: percentile(run.latencies_ms, 0.99), "ms", digits=2)
    latencies = [[ms for run in its for ms in run.latencies_ms] for its in runs]
    plot = Percentiles(row, dict(zip(["product", "without"], latencies, strict=True)))
    return [
        at_most_times(f"{row}, p50", p50s, P50_AT_MOST).with_plot(plot),
        compared(f"{row}, p99", p99s),
    ]
