"""What befalls messages: they come twice, late, in another order, unreadable, or deadly."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from signal import SIGKILL
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson

from chaos import moments
from chaos.amqp import channel, publish, publish_again
from chaos.faults.broker import CONSUMERS, unreachable
from chaos.faults.processes import spring_trap
from chaos.faults.registry import fault
from chaos.history import Value
from chaos.proxy import Connection, Trap, Way
from chaos.world import World
from shared.events import CATALOGUE, exchange_of
from shared.events.envelope import MAX_DATA_BYTES, PREFIX
from shared.messaging.topology import parked_queue
from shared.testing.waiting import until

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

# They happen at the broker too, and some of them need it whole.
messages = partial(fault, breaks="broker")

SERVICES = tuple(dict.fromkeys(CONSUMERS.values()))
EXCHANGES = tuple(sorted({exchange_of(event) for event in CATALOGUE}))
AGAIN = {"chaos-again": "1"}
KEPT = 300
MOST = 100  # Of a queue's messages, taken out at once.
AT_ONCE = 50
TAKING_SECONDS = 5
DEADLY_TRIES = 2  # What ParkedStore gives an event that ends the process.
DELIVERIES = 25  # More than a queue's limit.
DELIVERY_SECONDS = 30


@messages(17, "poison", SERVICES, lingers_seconds=30)
async def poison(world: World, service: str, _: random.Random) -> None:
    """The broker has given up on it, and whoever tries it dies, once the try is on record."""
    mark, edge = f"poison-{uuid4().hex}".encode(), world.edges[service, "postgres"]
    published = False
    for _try in range(DEADLY_TRIES):
        died = asyncio.Event()

        def kill(_: Connection, died: asyncio.Event = died) -> None:
            with suppress(ProcessLookupError):
                world.stack.supervisor.kill(service, SIGKILL)
            died.set()

        def try_is_written(connection: Connection) -> None:
            edge.set(Trap(Way.DOWN, moments.COMMIT_DONE, kill, only=connection))

        edge.set(Trap(Way.UP, mark, try_is_written, passes=True))
        if not published:
            queue = parked_queue(service)
            await _publish_bad(world, f"{service}.dlx", queue, "credit.deducted.v1", b'{"' + mark)
            published = True
        async with asyncio.timeout(2 * DELIVERY_SECONDS):
            await died.wait()
            await world.stack.supervisor.ready(service)


@messages(18, "malformed", tuple(CATALOGUE))
async def malformed(world: World, event: str, _: random.Random) -> Value:
    """Bad JSON, an unknown version, and a megabyte."""
    exchange, unknown = exchange_of(event), f"{event.rpartition('.v')[0]}.v9"
    await _publish_bad(world, exchange, event, event, b'{"amount_minor": 1')
    await _publish_bad(world, exchange, event, unknown, b"{}")
    await _publish_bad(world, exchange, event, event, b"[" + b"1," * (8 * MAX_DATA_BYTES) + b"1]")
    return {"event": event}


@messages(19, "twice", ("rabbitmq",))
async def twice(world: World, _: str, dice: random.Random) -> Value:
    """Every message comes again at once, and all of them once more, as of yesterday."""
    async with channel(world) as ours:
        heard: list[AbstractIncomingMessage] = []

        async def repeat(message: AbstractIncomingMessage) -> None:
            if message.headers.keys().isdisjoint(AGAIN):
                heard.append(message)
                await publish_again(ours, message.exchange or "", message.routing_key or "", message, AGAIN)

        tap = await ours.declare_queue(exclusive=True)
        for exchange in EXCHANGES:
            await tap.bind(exchange, "#")
        tag = await tap.consume(repeat, no_ack=True)
        await asyncio.sleep(dice.uniform(2, world.longest_seconds))
        await tap.cancel(tag)
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        told = [*world.heard, *heard]
        old = {**AGAIN, f"{PREFIX}time": yesterday}
        await asyncio.gather(
            *(publish_again(ours, m.exchange or "", m.routing_key or "", m, old) for m in told)
        )
        world.heard = dice.sample(told, min(KEPT, len(told)))
    return {"messages": len(heard)}


@messages(20, "shuffled", SERVICES)
async def shuffled(world: World, service: str, dice: random.Random) -> Value:
    """What waits for a service comes in another order."""

    def shuffle(waiting: list[Waiting]) -> None:
        dice.shuffle(waiting)

    return {"messages": await rework(world, service, dice.uniform(1, 4), shuffle)}


@messages(25, "newer-events", SERVICES)
async def newer_events(world: World, service: str, dice: random.Random) -> Value:
    """What waits was told by a later release: with a field more, and a version nobody here knows."""

    def make_newer(waiting: list[Waiting]) -> None:
        for each in waiting:
            with suppress(orjson.JSONDecodeError):
                each.body = orjson.dumps({**orjson.loads(each.body), "added_later": {"as": ["it", 1.5]}})

    queue = next(queue for queue, consumer in CONSUMERS.items() if consumer == service)
    await _publish_bad(world, "", queue, "credit.deducted.v2", b'{"amount": {"minor": 1}}')
    return {"messages": await rework(world, service, dice.uniform(1, 4), make_newer)}


@dataclass(slots=True)
class Waiting:
    message: AbstractIncomingMessage
    body: bytes


async def rework(world: World, service: str, seconds: float, change: Callable[[list[Waiting]], None]) -> int:
    """Let messages pile up, take them from their queues and give back what ``change`` makes of them."""
    reworked = 0
    async with unreachable(world, service), channel(world) as ours:
        await asyncio.sleep(seconds)
        for name in (queue for queue, consumer in CONSUMERS.items() if consumer == service):
            waiting = await _take(ours, name)
            change(waiting)
            # Given back before they are taken: what fails in between comes twice.
            again = (publish_again(ours, "", name, each.message, body=each.body) for each in waiting)
            await asyncio.gather(*again)
            for each in waiting:
                await each.message.ack()
            reworked += len(waiting)
    return reworked


async def _take(ours: AbstractChannel, name: str) -> list[Waiting]:
    """What waits in a queue; it is not lost where we are."""
    taken: list[Waiting] = []

    async def take(message: AbstractIncomingMessage) -> None:
        taken.append(Waiting(message, message.body))

    queue = await ours.declare_queue(name, passive=True)
    await ours.set_qos(prefetch_count=MOST)
    most = min(MOST, queue.declaration_result.message_count or 0)

    async def all_taken() -> bool:
        return len(taken) >= most

    tag = await queue.consume(take)
    with suppress(TimeoutError):  # Somebody else was faster.
        await until(all_taken, within_seconds=TAKING_SECONDS)
    await queue.cancel(tag)
    return taken


@messages(24, "beyond-the-limit", tuple(CONSUMERS), lingers_seconds=75)
async def beyond_the_limit(world: World, queue: str, _: random.Random) -> Value:
    """Whoever is given it loses the connection, until the broker gives up on it and on all beside it."""
    mark, edge = f"deadly-{uuid4().hex}".encode(), world.edges[CONSUMERS[queue], "rabbitmq"]
    first = edge.set(Trap(Way.DOWN, mark))
    await _publish_bad(world, "", queue, "credit.deducted.v1", b'{"' + mark)
    async with asyncio.timeout(DELIVERY_SECONDS):
        await first.sprung.wait()
    for _delivery in range(DELIVERIES - 1):
        trap = Trap(Way.DOWN, mark)
        await spring_trap(world, CONSUMERS[queue], "rabbitmq", trap, within_seconds=DELIVERY_SECONDS)
    return {"queue": queue}


async def _publish_bad(world: World, exchange: str, key: str, event: str, body: bytes) -> None:
    """An event that nobody can handle, and that is to end as parked."""
    id_ = str(uuid4())
    headers = {
        f"{PREFIX}{name}": value
        for name, value in {
            "specversion": "1.0",
            "id": id_,
            "type": event,
            "source": "chaos",
            "subject": world.workload.customers[0].user,
            "time": datetime.now(UTC).isoformat(),
        }.items()
    }
    world.poison.append(id_)
    async with channel(world) as ours:
        await publish(ours, exchange, key, body, headers, id_)
