"""Memory of every process under half the load that debits over HTTP can bear: minutes, or by hand an hour."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress

import psutil

from bench.child import Child
from bench.figures import Figure, Verdict
from bench.plots import Growth
from bench.product.pipeline import SPINE, Product
from bench.rig import Rig, resident_kb
from bench.stage import Stage

MINUTES = 2.0
USERS = 200
TABS_EACH = 2
CALLERS = 16
TRIAL_SECONDS = 5.0
SLICES = 120
SIXTH = SLICES // 6
# Memory that is given back and taken again moves by as much with nothing to do.
STILL = 1.02

Sample = dict[str, float]  # Megabytes of each process.


async def run(stage: Stage, minutes: float = MINUTES) -> list[Verdict]:
    users = [f"bench-{number}" for number in range(USERS)]
    async with AsyncExitStack() as exits:
        product = await exits.enter_async_context(stage.product(users))
        rig = await exits.enter_async_context(Rig(product, users, TABS_EACH))
        host, port = product.credit_address
        load = {"host": host, "port": port, "tokens": list(product.tokens(users).values())}
        callers = await exits.enter_async_context(Child("bench.callers", load))
        most = await _debit(callers, rig, TRIAL_SECONDS, rate=None)
        samples, booked = [], 0
        for _ in range(SLICES):
            booked += await _debit(callers, rig, minutes * 60 / SLICES, rate=most / TRIAL_SECONDS / 2)
            samples.append(_sample(stage, product))
        await rig.finish()
    return _judge(samples, minutes, booked / minutes / 60)


async def _debit(callers: Child, rig: Rig, seconds: float, rate: float | None) -> int:
    """How many; every tab has seen them."""
    answer = await callers.ask("debit", accounts=USERS, seconds=seconds, callers=CALLERS, rate=rate)
    await rig.saw(debits := len(answer["took_ms"]))
    return debits


def _sample(stage: Stage, product: Product) -> Sample:
    ours = {service: resident_kb(product.stack.supervisor.pid(service)) / 1024 for service in SPINE}
    servers = {"PostgreSQL": stage.postgres.pid, "RabbitMQ": stage.rabbitmq.pid}
    return ours | {name: _own_mb(pid) for name, pid in servers.items()}


def _own_mb(pid: int) -> float:
    """With its children; not what they share, which each of PostgreSQL's comes to know only by and by."""
    total = 0
    process = psutil.Process(pid)
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            total += each.memory_full_info().uss
    return total / 2**20


def _judge(samples: list[Sample], minutes: float, rate: float) -> list[Verdict]:
    moments = [(place + 1) * minutes / SLICES for place in range(SLICES)]
    row = f"memory after {minutes:g} minutes"
    curves = {
        name: list(zip(moments, (sample[name] for sample in samples), strict=True)) for name in samples[0]
    }
    plot = Growth(f"memory at {rate:,.0f} debits/s", "minutes", "MB", curves)
    first, *others = [_still(name, [sample[name] for sample in samples], row) for name in samples[0]]
    return [first.with_plot(plot), *others]


def _still(name: str, megabytes: list[float], row: str) -> Verdict:
    """The last sixth beside the second one; the first is there to settle. Servers have no target."""
    before, after = (Figure(tuple(its), "MB") for its in (megabytes[SIXTH : 2 * SIXTH], megabytes[-SIXTH:]))
    ratio = after.median / before.median
    target, met = (f"≤ {STILL:g}×", ratio <= STILL) if name in SPINE else ("", None)
    return Verdict(f"{row}, {name}", after, f"before: {before}", f"{ratio:.2f}×", target, met)
