"""What befalls processes: they are killed, stopped, sent away, doubled and replaced."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

from chaos import moments
from chaos.faults.registry import NotInjected, fault
from chaos.history import Value
from chaos.proxy import Connection, Trap, Way
from chaos.world import World
from ledgerbell.prepare import MIGRATIONS
from ledgerbell.stack import MODULES
from shared.messaging.topology import SUBSCRIBED

process = partial(fault, breaks="processes")

SERVICES = tuple(MODULES)
WITH_DATABASE = tuple(MIGRATIONS)
CONSUMERS = (*SUBSCRIBED, "notifier")
# Their moments come by themselves, if the one before was not the last of its kind for a while.
MOMENT_SECONDS = 10.0


@process(1, "kill", SERVICES)
async def kill(world: World, service: str, _: random.Random) -> None:
    """In the middle of whatever it does."""
    world.stack.supervisor.kill(service, SIGKILL)
    await world.stack.supervisor.ready(service)


@process(1, "kill-after-commit", WITH_DATABASE)
async def kill_after_commit(world: World, service: str, dice: random.Random) -> None:
    """The database has committed, and the service never learns of it."""
    # The ledger and the notifier commit statement by statement, and say nothing of it.
    by_statement = service in ("credit", "notifier")
    pattern = moments.STATEMENT_DONE if by_statement else moments.COMMIT_DONE
    await _signal_at(world, service, "postgres", Way.DOWN, pattern, dice)


@process(1, "kill-before-commit", ("credit", "payment", "refund", "verification"))
async def kill_before_commit(world: World, service: str, dice: random.Random) -> None:
    """All is written, and nothing committed."""
    await _signal_at(world, service, "postgres", Way.UP, moments.COMMIT_ASKED, dice)


@process(1, "kill-after-publish", WITH_DATABASE)
async def kill_after_publish(world: World, service: str, dice: random.Random) -> None:
    """The broker has confirmed, and nothing is marked as sent."""
    await _signal_at(world, service, "rabbitmq", Way.DOWN, moments.ACK, dice)


@process(1, "kill-before-ack", CONSUMERS)
async def kill_before_ack(world: World, service: str, dice: random.Random) -> None:
    """What was handled is committed, and delivered again."""
    await _signal_at(world, service, "rabbitmq", Way.UP, moments.ACK, dice)


@process(2, "stop", SERVICES)
async def stop(world: World, service: str, dice: random.Random) -> Value:
    """It hangs, and goes on later as if nothing had happened."""
    seconds = dice.uniform(1, world.longest_seconds)
    async with stopped(world, service):
        await asyncio.sleep(seconds)
    return {"seconds": round(seconds, 1)}


@process(3, "terminate", WITH_DATABASE)
async def terminate(world: World, service: str, dice: random.Random) -> None:
    """Sent away in the middle of a statement."""
    await _signal_at(world, service, "postgres", Way.UP, moments.EXECUTE, dice, sign=SIGTERM, passes=True)


@process(21, "replicas", ("credit",), lingers_seconds=30)
async def replicas(world: World, _: str, dice: random.Random) -> None:
    """Two relays, two notifiers, two gateways."""
    async with AsyncExitStack() as beside:
        for service in ("credit", "notifier", "ws-gateway"):
            await beside.enter_async_context(replica(world, service))
        await asyncio.sleep(dice.uniform(2, world.longest_seconds))


@asynccontextmanager
async def replica(world: World, service: str) -> AsyncIterator[None]:
    """For the time of the block one more of it runs, and has its share of the calls.

    Raises NotInjected where there is one more already.
    """
    if service in world.doubled:
        raise NotInjected(f"there are two of {service} already")
    world.doubled.add(service)
    try:
        if service not in world.replicas:
            world.replicas[service] = await world.stack.replicate(service)
        name = world.replicas[service]
        await world.stack.supervisor.start(name)
        url = world.stack.service_url(name)
        world.edges.add(service, url)
        try:
            yield
        finally:
            world.edges.drop(service, url)
    finally:
        if service in world.replicas:
            await world.stack.supervisor.stop(world.replicas[service])
        world.doubled.discard(service)


@asynccontextmanager
async def stopped(world: World, service: str) -> AsyncIterator[None]:
    """SIGSTOP for the time of the block."""
    pid = world.stack.supervisor.pid(service)
    os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # Killed meanwhile, by another fault.
            os.kill(pid, SIGCONT)


async def _signal_at(
    world: World,
    service: str,
    target: str,
    way: Way,
    pattern: bytes,
    dice: random.Random,
    *,
    sign: Signals = SIGKILL,
    passes: bool = False,
) -> None:
    """Send the signal the moment the pattern comes by."""
    supervisor = world.stack.supervisor

    def spring(_: Connection) -> None:
        with suppress(ProcessLookupError):  # Another fault was faster.
            supervisor.kill(service, sign)

    await spring_trap(world, service, target, Trap(way, pattern, spring, dice.randrange(3), passes))
    await supervisor.ready(service)


async def spring_trap(
    world: World, caller: str, target: str, trap: Trap, within_seconds: float = MOMENT_SECONDS
) -> None:
    """Wait for it. Raises NotInjected where nothing comes by."""
    edge = world.edges[caller, target]
    edge.set(trap)
    try:
        async with asyncio.timeout(within_seconds):
            await trap.sprung.wait()
    except TimeoutError:
        raise NotInjected(f"{edge.name}: the moment did not come") from None
    finally:
        if trap in edge.traps:
            edge.traps.remove(trap)
