"""A debit over HTTP while broker, then notifier, is stopped: as quick as ever, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.figures import Figure, Verdict, percentile
from bench.product.caller import Caller
from bench.stage import Stage
from bench.turns import REPETITIONS

USERS = 20
RATE = 100
DEBITS = 200
AT_MOST = 1.5


@dataclass
class Outage:
    """Latencies while something is stopped and in the calm before it, one list a repetition."""

    calm: list[list[float]] = field(default_factory=list)
    outage: list[list[float]] = field(default_factory=list)

    def verdict(self, row: str, percent: int) -> Verdict:
        calm, outage = (
            Figure(tuple(percentile(latencies, percent / 100) for latencies in its), "ms")
            for its in (self.calm, self.outage)
        )
        ratio = outage.over(calm)
        target = f"≤ {AT_MOST:g}×"
        return Verdict(
            f"{row}, p{percent}", str(outage), f"usual: {calm}", f"{ratio:.2f}×", target, ratio <= AT_MOST
        )


async def run(stage: Stage) -> list[Verdict]:
    users = [f"bench-{number}" for number in range(USERS)]
    broker, notifier = Outage(), Outage()
    async with stage.product(users) as product:
        caller = Caller(product.credit_address, list(product.tokens(users).values()))
        await _latencies(caller)
        await product.check(caller.accepted)
        for _ in range(REPETITIONS):
            broker.calm.append(await _latencies(caller))
            await stage.rabbitmq.stop()
            broker.outage.append(await _latencies(caller))
            await stage.rabbitmq.start()
            await product.check(caller.accepted)

            notifier.calm.append(await _latencies(caller))
            await product.stop_notifier()
            notifier.outage.append(await _latencies(caller))
            await product.start_notifier()
            await product.check(caller.accepted)
    return [
        outage.verdict(f"debit over HTTP, {what} stopped", percent)
        for what, outage in (("broker", broker), ("notifier", notifier))
        for percent in (50, 99)
    ]


async def _latencies(caller: Caller) -> list[float]:
    return [answered.took_ms for answered in await caller.debit(RATE, DEBITS)]
