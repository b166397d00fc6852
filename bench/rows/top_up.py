"""From the answer to a payment's webhook until "Payment Successful" is on its owner's two tabs."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bench.figures import Verdict, at_most, compare, compared, percentile
from bench.plots import Percentiles
from bench.product.top_ups import Paid, TopUps
from bench.rig import Rig, Run
from bench.stage import Stage
from ledgerbell.stack import MODULES

USERS = 20
TABS_EACH = 2
REPETITIONS = 8
RATE = 20
EVENTS = 40
WARM_UP = 40
P50_AT_MOST_MS = 40.0
# webhook → payment → its provider, looked up → payment → broker → credit → broker → payment → broker →
# notifier → broker → gateway → tab
HOPS = 12


async def run(stage: Stage) -> list[Verdict]:
    names = [f"bench-{number}" for number in range(USERS)]
    async with AsyncExitStack() as exits:
        product = await exits.enter_async_context(stage.product(names, tuple(MODULES)))
        floor = await exits.enter_async_context(stage.floor(names))
        top_ups = TopUps(product.stack)
        # All before the first tab opens: that a payment was started rings too.
        paid = await top_ups.prepare(names, WARM_UP + REPETITIONS * EVENTS)
        told = await exits.enter_async_context(Rig(product, names, TABS_EACH))
        debited = await exits.enter_async_context(Rig(floor, names, TABS_EACH))

        async def tell(payments: list[Paid]) -> Run:
            return await told.arrived(await top_ups.tell(payments, RATE))

        await tell(paid[:WARM_UP])
        await debited.steady(RATE, WARM_UP)
        runs: tuple[list[Run], list[Run]] = ([], [])
        for first in range(WARM_UP, len(paid), EVENTS):
            runs[0].append(await tell(paid[first : first + EVENTS]))
            runs[1].append(await debited.steady(RATE, EVENTS))
        await told.close_tabs()
        await debited.finish()
    return _judge(runs)


def _judge(runs: tuple[list[Run], list[Run]]) -> list[Verdict]:
    p50s = compare(runs, lambda run: percentile(run.latencies_ms, 0.50), "ms")
    p99s = compare(runs, lambda run: percentile(run.latencies_ms, 0.99), "ms")
    row = f"payment webhook answered → tab at {RATE}/s, {HOPS} hops"
    latencies = [[ms for run in its for ms in run.latencies_ms] for its in runs]
    plot = Percentiles(row, {"product": latencies[0], "floor": latencies[1]})
    return [at_most(f"{row}, p50", p50s, P50_AT_MOST_MS).with_plot(plot), compared(f"{row}, p99", p99s)]
