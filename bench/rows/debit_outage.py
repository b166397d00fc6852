"""A debit over HTTP while broker, then notifier, is stopped: as quick as ever, and nothing is lost."""

from __future__ import annotations

from bench.figures import Figure, Verdict, percentile
from bench.plots import Percentiles
from bench.product.caller import Caller
from bench.stage import Stage
from bench.turns import REPETITIONS

USERS = 20
RATE = 50
DEBITS = 150
AT_MOST = 1.5

Latencies = list[list[float]]  # Milliseconds, one list a repetition.


async def run(stage: Stage) -> list[Verdict]:
    users = [f"bench-{number}" for number in range(USERS)]
    calm, without_notifier, without_broker = Latencies(), Latencies(), Latencies()
    async with stage.product(users) as product:
        caller = Caller(product.credit_address, list(product.tokens(users).values()))
        for _ in range(REPETITIONS):
            # Servers that have just started are still busy with themselves: the first debits do not count.
            await _latencies(caller)
            calm.append(await _latencies(caller))

            await product.stop_notifier()
            without_notifier.append(await _latencies(caller))
            await product.start_notifier()
            await product.check(caller.accepted)

            await stage.rabbitmq.stop()
            without_broker.append(await _latencies(caller))
            await stage.rabbitmq.start()
            await product.check(caller.accepted)
    plot = Percentiles(
        "debit over HTTP",
        {
            name: [ms for repetition in its for ms in repetition]
            for name, its in (
                ("usual", calm),
                ("broker stopped", without_broker),
                ("notifier stopped", without_notifier),
            )
        },
    )
    first, *others = [
        _verdict(f"debit over HTTP, {stopped} stopped", outage, calm, percent)
        for stopped, outage in (("broker", without_broker), ("notifier", without_notifier))
        for percent in (50, 99)
    ]
    return [first.with_plot(plot), *others]


async def _latencies(caller: Caller) -> list[float]:
    return [answered.took_ms for answered in await caller.debit(RATE, DEBITS)]


def _verdict(row: str, outage: Latencies, calm: Latencies, percent: int) -> Verdict:
    stopped, usual = (
        Figure(tuple(percentile(latencies, percent / 100) for latencies in its), "ms")
        for its in (outage, calm)
    )
    ratio, target = stopped.over(usual), f"≤ {AT_MOST:g}×"
    name = f"{row}, p{percent}"
    return Verdict(name, stopped, f"usual: {usual}", f"{ratio:.2f}×", target, ratio <= AT_MOST)
