"""What befalls the broker: it dies, refuses, forgets queues, and loses what is in them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import quote

import httpx

from chaos.faults.registry import fault
from chaos.history import Value
from chaos.world import World
from shared.events import CATALOGUE, Lane, exchange_of
from shared.messaging.topology import SUBSCRIBED, events_queue, lane_queue

broker = partial(fault, breaks="broker")

RABBITMQ = ("rabbitmq",)
# Who consumes each queue.
CONSUMERS = {lane_queue(lane): "notifier" for lane in Lane} | {
    events_queue(service): service for service in SUBSCRIBED
}
# The names of new quorum queues are in memory only for so long; see PrivateRabbitMQ.
NEW_QUEUE_SECONDS = 3.5


@broker(4, "broker-kill", RABBITMQ)
async def broker_kill(world: World, _: str, dice: random.Random) -> None:
    """In the middle of whatever it does; what it had confirmed is there when it is back."""
    world.rabbitmq.kill()
    await asyncio.sleep(dice.uniform(0, 2))
    await world.rabbitmq.start()


@broker(5, "broker-app", RABBITMQ)
async def broker_app(world: World, _: str, dice: random.Random) -> None:
    """Stopped in order, as for an upgrade, while its node stays."""
    await world.rabbitmq.control("stop_app")
    try:
        await asyncio.sleep(dice.uniform(0, 3))
    finally:
        await world.rabbitmq.control("start_app")


@broker(6, "memory-alarm", RABBITMQ)
async def memory_alarm(world: World, _: str, dice: random.Random) -> None:
    """Nothing is taken from publishers, and confirms do not come."""
    await world.rabbitmq.control("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        await asyncio.sleep(dice.uniform(3, world.longest_seconds))
    finally:
        await world.rabbitmq.control("set_vm_memory_high_watermark", "0.4")


@broker(7, "disk-alarm", RABBITMQ)
async def disk_alarm(world: World, _: str, dice: random.Random) -> None:
    """Its disk is said to be full: as with memory."""
    await world.rabbitmq.control("set_disk_free_limit", "100000GB")
    try:
        await asyncio.sleep(dice.uniform(3, world.longest_seconds))
    finally:
        await world.rabbitmq.control("set_disk_free_limit", "64MB")


@broker(8, "queue-purge", tuple(CONSUMERS))
async def queue_purge(world: World, queue: str, _: random.Random) -> Value:
    """What waits in it is gone, and there is some: its consumer cannot be reached."""
    async with unreachable(world, CONSUMERS[queue]):
        await asyncio.sleep(2)
        await _manage(world, "DELETE", f"queues/{{vhost}}/{queue}/contents")
    return {"queue": queue}


@broker(9, "queue-anew", tuple(CONSUMERS))
async def queue_anew(world: World, queue: str, dice: random.Random) -> Value:
    """Deleted with what is in it, and made again."""
    await _manage(world, "DELETE", f"queues/{{vhost}}/{queue}")
    try:
        await asyncio.sleep(dice.uniform(0, 3))
    finally:
        await world.stack.corner.apply_topology()
    await asyncio.sleep(NEW_QUEUE_SECONDS)
    return {"queue": queue}


@broker(10, "binding-gone", tuple(CATALOGUE))
async def binding_gone(world: World, event: str, dice: random.Random) -> Value:
    """What is published meanwhile has nowhere to go."""
    queue = lane_queue(CATALOGUE[event].LANE)
    key = quote(event, safe="")
    await _manage(world, "DELETE", f"bindings/{{vhost}}/e/{exchange_of(event)}/q/{queue}/{key}")
    try:
        await asyncio.sleep(dice.uniform(1, world.longest_seconds))
    finally:
        await world.stack.corner.apply_topology()
    return {"queue": queue, "event": event}


@asynccontextmanager
async def unreachable(world: World, service: str) -> AsyncIterator[None]:
    """Out of the broker's sight for the time of the block: what it had not settled waits for it again."""
    edge = world.edges[service, "rabbitmq"]
    edge.stop()
    edge.cut()
    try:
        yield
    finally:
        edge.flow()


async def _manage(world: World, method: str, path: str) -> None:
    url = f"{world.rabbitmq.management_url}/api/{path.format(vhost=world.stack.corner.name)}"
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        (await http.request(method, url)).raise_for_status()
