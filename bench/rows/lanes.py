"""A debit on its way to its owner's tabs while 50,000 events of the standard lane wait to be stored."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bench.figures import Figure, Verdict, percentile
from bench.plots import Percentiles
from bench.product.pipeline import Product
from bench.queues import Queue
from bench.rig import Rig
from bench.stage import Stage
from shared.events import Lane
from shared.events.credit import CreditLowBalance
from shared.events.examples import EXAMPLES
from shared.messaging import Publisher
from shared.messaging.topology import lane_queue
from shared.testing.deliveries import envelope_of, message_of

USERS = 50
TABS_EACH = 2
OTHERS = 1_000  # Whose events wait; they have no tab.
WAITING = 50_000
BATCH = 500
RATE = 50
EVENTS = 100
WARM_UP_EVENTS = 25
REPETITIONS = 5
AT_MOST = 2.0
STANDARD = next(event for event in EXAMPLES if isinstance(event, CreditLowBalance))

Latencies = list[list[float]]  # Milliseconds, one list a repetition.


async def run(stage: Stage) -> list[Verdict]:
    users = [f"bench-{number}" for number in range(USERS)]
    usual, behind = Latencies(), Latencies()
    async with AsyncExitStack() as exits:
        product = await exits.enter_async_context(stage.product(users))
        rig = await exits.enter_async_context(Rig(product, users, TABS_EACH))
        broker_url = product.stack.corner.admin_broker_url
        publisher = await exits.enter_async_context(_publishing(broker_url))
        queue = await exits.enter_async_context(Queue(broker_url, lane_queue(Lane.STANDARD)))
        for _ in range(REPETITIONS):
            usual.append(await _latencies(rig))
            await _fill(product, publisher, queue)
            behind.append(await _latencies(rig))
            assert await queue.waiting(), f"{WAITING:,} were too few: none of them waits any more"
            await queue.purge()
        await rig.finish()
    return _judge(usual, behind)


async def _latencies(rig: Rig) -> list[float]:
    await rig.steady(RATE, WARM_UP_EVENTS)
    return (await rig.steady(RATE, EVENTS)).latencies_ms


async def _fill(product: Product, publisher: Publisher, queue: Queue) -> None:
    """The notifier finds all of them when it comes back, and has just begun."""
    await product.stop_notifier()
    users = (f"other-{number % OTHERS}" for number in itertools.count())
    for _ in range(WAITING // BATCH):
        messages = [message_of(envelope_of(STANDARD, next(users))) for _ in range(BATCH)]
        receipt = await publisher.send_batch(messages)
        assert len(receipt.confirmed) == BATCH, "the broker did not take all of them"
    await queue.until_waiting(WAITING)
    await product.start_notifier()


@asynccontextmanager
async def _publishing(broker_url: str) -> AsyncIterator[Publisher]:
    publisher = Publisher(broker_url, "bench")
    running = asyncio.create_task(publisher.run())
    try:
        await publisher.linked.wait()
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _judge(usual: Latencies, behind: Latencies) -> list[Verdict]:
    row = f"commit → tab at {RATE}/s, {WAITING:,} standard ones wait"
    every = {"usual": usual, f"{WAITING:,} wait": behind}
    plot = Percentiles(row, {name: [ms for its in lists for ms in its] for name, lists in every.items()})
    verdicts = []
    for percent in (50, 99):
        waited, calm = (
            Figure(tuple(percentile(its, percent / 100) for its in lists), "ms") for lists in (behind, usual)
        )
        ratio = waited.over(calm)
        target, met = ("", None) if percent == 50 else (f"≤ {AT_MOST:g}×", ratio <= AT_MOST)
        name = f"{row}, p{percent}"
        verdicts.append(Verdict(name, waited, f"usual: {calm}", f"{ratio:.2f}×", target, met))
    return [verdicts[0].with_plot(plot), *verdicts[1:]]
