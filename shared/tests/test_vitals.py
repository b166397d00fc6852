"""What a process tells of itself: read from its metrics, sent if the broker is there, kept by nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import Counter, Gauge, Histogram

from shared.messaging import BatchConsumer, Delivery, FanoutListener, Message, Publisher
from shared.messaging.vitals import Vitals
from shared.observability.vitals import EXCHANGE, buckets, by_lane, sums, value
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

QUEUE = "notifier.critical"


async def so(condition: Callable[[], bool]) -> None:
    async def answer() -> bool:
        return condition()

    await until(answer)


@pytest.fixture
async def heard(namespace: Namespace) -> AsyncIterator[list[dict[str, Any]]]:
    """All that a gateway hears."""
    told: list[dict[str, Any]] = []

    async def ready() -> None: ...

    listener = FanoutListener(
        namespace.broker_url("ws-gateway"),
        EXCHANGE,
        EXCHANGE,
        name=f"ears-{uuid4().hex}",
        on_message=lambda body: told.append(json.loads(body)),
        on_linked=ready,
    )
    async with working(listener.run):
        await asyncio.wait_for(listener.listening.wait(), 10)
        yield told


def test_what_is_told_is_what_the_collectors_hold() -> None:
    pushed = Counter("vitals_test_pushed_total", "As the gateway has it.", ["lane"], registry=None)
    tabs = Gauge("vitals_test_tabs", "As the gateway has it.", registry=None)
    took = Histogram("vitals_test_seconds", "As both.", ["lane"], buckets=(0.1, 1), registry=None)
    pushed.labels("high").inc(3)
    tabs.set(7)
    for seconds in (0.05, 0.5, 5):
        took.labels("high").observe(seconds)

    assert by_lane(pushed) == {"high": 3.0}
    assert value(tabs) == 7.0
    assert sums(took) == {"high": (5.55, 3.0)}
    assert buckets(took) == {"high": [(0.1, 1.0), (1.0, 2.0), (None, 3.0)]}


async def test_a_process_tells_its_figures_its_queues_and_what_is_parked(
    namespace: Namespace, heard: list[dict[str, Any]]
) -> None:
    async def parked() -> int:
        return 4

    vitals = Vitals(
        namespace.broker_url("notifier"), "notifier", read=lambda: {"x": 1}, queues=(QUEUE,), parked=parked
    )
    async with working(vitals.run):
        await so(lambda: any(told["parked"] == 4 for told in heard))

    told = heard[-1]
    assert (told["service"], told["x"], told["queues"].keys()) == ("notifier", 1, {QUEUE})
    assert len({each["process"] for each in heard}) == 1
    assert [each["at"] for each in heard] == sorted(each["at"] for each in heard)


async def test_a_database_that_is_away_is_told_as_unknown(
    namespace: Namespace, heard: list[dict[str, Any]]
) -> None:
    async def parked() -> int:
        raise ConnectionError("the database is away")

    async with working(Vitals(namespace.broker_url("credit"), "credit", parked=parked).run):
        await so(lambda: len(heard) >= 2)

    assert {told["parked"] for told in heard} == {None}


async def test_while_the_broker_is_away_nothing_is_read_and_nothing_is_kept() -> None:
    reads: list[None] = []
    tries: list[None] = []

    def read() -> dict[str, object]:
        reads.append(None)
        return {}

    async def turn_away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(None)
        writer.close()

    async with await asyncio.start_server(turn_away, "127.0.0.1", 0) as nobody:
        port = nobody.sockets[0].getsockname()[1]
        async with working(Vitals(f"amqp://nobody@127.0.0.1:{port}/", "credit", read=read).run):
            await so(lambda: len(tries) >= 3)

    assert reads == []


async def test_what_is_in_hand_is_what_is_here_and_not_acknowledged(namespace: Namespace) -> None:
    held = asyncio.Event()
    handled: list[Delivery] = []

    async def handle(batch: list[Delivery]) -> None:
        await held.wait()
        handled.extend(batch)

    consumer = BatchConsumer(
        namespace.broker_url("notifier"), QUEUE, handle, name=f"sub-{uuid4().hex}", max_batch=2
    )
    publisher = Publisher(namespace.broker_url("credit"), f"pub-{uuid4().hex}")
    assert consumer.in_hand == 0
    async with working(publisher.run, consumer.run):
        await asyncio.wait_for(publisher.linked.wait(), 10)
        await asyncio.wait_for(consumer.consuming.wait(), 10)
        messages = [Message("credit.events", "credit.deducted.v1", f"{n}", b"{}") for n in range(7)]
        assert len((await publisher.send_batch(messages)).confirmed) == 7
        await so(lambda: consumer.in_hand == 7)
        held.set()
        await so(lambda: consumer.in_hand == 0)

    assert len(handled) == 7
