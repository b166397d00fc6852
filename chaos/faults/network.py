"""What befalls the network, on each edge: it resets, swallows, delays, minces, and cuts."""

from __future__ import annotations

import asyncio
import random
from functools import partial

from chaos import moments
from chaos.faults.processes import CONSUMERS, WITH_DATABASE, spring_trap
from chaos.faults.registry import fault
from chaos.history import Value
from chaos.proxy import Edge, Trap, Way
from chaos.world import DOORS, World

network = partial(fault, breaks="network")

CALLS = {
    "payment": ("credit", "provider"),
    "refund": ("credit",),
    "verification": ("credit", "provider"),
    "ws-gateway": ("rabbitmq", "credit", "payment", "refund", "verification", "monitor", "notifier"),
    "sandbox-payments": ("webhook",),
    "sandbox-sms": ("webhook",),
    "page": ("ws-gateway", "credit"),
    **dict.fromkeys(DOORS, ("ws-gateway",)),
}
EDGES = tuple(
    [f"{service}→{server}" for service in WITH_DATABASE for server in ("rabbitmq", "postgres")]
    + [f"{caller}→{target}" for caller, targets in CALLS.items() for target in targets]
)
TO_BROKER = tuple(f"{service}→rabbitmq" for service in WITH_DATABASE)
FROM_BROKER = tuple(f"{service}→rabbitmq" for service in CONSUMERS)
TO_DATABASE = tuple(f"{service}→postgres" for service in WITH_DATABASE)


@network(14, "reset", EDGES)
async def reset(world: World, edge: str, dice: random.Random) -> None:
    """All connections of an edge, or half of them, again and again."""
    for _ in range(dice.randrange(1, 5)):
        _edge(world, edge).cut(dice.choice((0.5, 1)), dice)
        await asyncio.sleep(dice.uniform(0, 1))


@network(14, "black-hole", EDGES)
async def black_hole(world: World, edge: str, dice: random.Random) -> Value:
    """Nothing comes through, nobody is told, and in the end all is cut or all arrives late."""
    return await _silence(world, edge, dice, tuple(Way))


@network(14, "one-way", EDGES)
async def one_way(world: World, edge: str, dice: random.Random) -> Value:
    """Requests arrive and answers do not, or the other way round."""
    return await _silence(world, edge, dice, (dice.choice(tuple(Way)),))


@network(14, "latency", EDGES)
async def latency(world: World, edge: str, dice: random.Random) -> None:
    """Up to half a second more each way."""
    paces = _edge(world, edge).paces.values()
    for pace in paces:
        pace.delay_seconds = dice.uniform(0.01, 0.5)
    try:
        await asyncio.sleep(dice.uniform(2, world.longest_seconds))
    finally:
        for pace in paces:
            pace.delay_seconds = 0


@network(14, "slices", EDGES)
async def slices(world: World, edge: str, dice: random.Random) -> None:
    """One byte at a time."""
    paces = _edge(world, edge).paces.values()
    for pace in paces:
        pace.slice_bytes = 1
    try:
        await asyncio.sleep(dice.uniform(2, world.longest_seconds))
    finally:
        for pace in paces:
            pace.slice_bytes = None


@network(14, "cut-after-publish", TO_BROKER)
async def cut_after_publish(world: World, edge: str, dice: random.Random) -> None:
    """The broker has it, and its confirm is lost."""
    await _cut_at(world, edge, Way.DOWN, moments.ACK, dice)


@network(14, "cut-before-ack", FROM_BROKER)
async def cut_before_ack(world: World, edge: str, dice: random.Random) -> None:
    """It was handled, and the broker never hears of it."""
    await _cut_at(world, edge, Way.UP, moments.ACK, dice)


@network(14, "cut-after-commit", TO_DATABASE)
async def cut_after_commit(world: World, edge: str, dice: random.Random) -> None:
    """It is committed, and whoever did it is not told."""
    await _cut_at(world, edge, Way.DOWN, moments.STATEMENT_DONE, dice)


async def _cut_at(world: World, edge: str, way: Way, pattern: bytes, dice: random.Random) -> None:
    caller, _, target = edge.partition("→")
    for _ in range(dice.randrange(1, 5)):
        await spring_trap(world, caller, target, Trap(way, pattern, skip=dice.randrange(5)))


async def _silence(world: World, edge: str, dice: random.Random, ways: tuple[Way, ...]) -> Value:
    seconds, ends_in_a_cut = dice.uniform(1, world.longest_seconds), dice.random() < 0.5
    silent = _edge(world, edge)
    silent.stop(*ways)
    try:
        await asyncio.sleep(seconds)
    finally:
        if ends_in_a_cut:
            silent.cut()
        silent.flow()
    return {"seconds": round(seconds, 1), "ways": [way.value for way in ways]}


def _edge(world: World, edge: str) -> Edge:
    caller, _, target = edge.partition("→")
    return world.edges[caller, target]
