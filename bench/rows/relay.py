"""Events a second that the broker has confirmed: both ways out of the outbox, and a raw AMQP client."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

from bench.child import Child
from bench.config import Config
from bench.corner import own_database, own_virtual_host
from bench.figures import Verdict, at_least_times, compare, compared
from bench.product.outbox import create_table
from bench.published import QUEUE, create
from bench.queues import Queue
from bench.rig import cpu_seconds
from bench.stage import Stage
from bench.turns import take_turns

EVENTS = 10_000
WARM_UP_EVENTS = 2_000
AT_LEAST = 0.6


@dataclass(frozen=True)
class Way:
    """One way of publishing: who goes it, and what it is called there."""

    child: Child
    op: str
    queue: Queue


@dataclass(frozen=True)
class Published:
    events_per_second: float
    cpu_us: float


async def run(stage: Stage) -> list[Verdict]:
    async with AsyncExitStack() as exits:
        config = Config(
            await exits.enter_async_context(own_database(stage.servers, "bench_relay")),
            await exits.enter_async_context(own_virtual_host(stage.servers, "bench_relay")),
            port=0,
        )
        await create(config.broker_url)
        queue = await exits.enter_async_context(Queue(config.broker_url, QUEUE))
        await create_table(config.database_url)
        product = await exits.enter_async_context(Child("bench.product.outbox", asdict(config)))
        floor = await exits.enter_async_context(Child("bench.floor.publisher", asdict(config)))
        ways = [Way(product, "publish", queue), Way(floor, "publish", queue), Way(product, "relay", queue)]
        for way in ways:
            await _publish(way, WARM_UP_EVENTS)
        direct, raw, relay = await take_turns(_publish, *ways)
    return _judge("published after the commit", direct, raw) + _judge("relayed", relay, raw)


def _judge(row: str, product: list[Published], floor: list[Published]) -> list[Verdict]:
    rates = compare([product, floor], lambda its: its.events_per_second, "events/s", digits=0)
    costs = compare([product, floor], lambda its: its.cpu_us, "µs")
    return [at_least_times(f"{row}, confirmed", rates, AT_LEAST), compared("· CPU of the publisher", costs)]


async def _publish(way: Way, events: int = EVENTS) -> Published:
    before = cpu_seconds(way.child.pid)
    answer = await way.child.ask(way.op, count=events)
    cpu_us = (cpu_seconds(way.child.pid) - before) * 1e6 / events
    found = await way.queue.purge()
    assert found == events, f"{events} were confirmed, {found} are there"
    return Published(events / answer["seconds"], cpu_us)
