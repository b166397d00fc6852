"""The nemesis: works through its plan and writes down what it did, to what, and when it was over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from signal import SIGCONT
from time import monotonic

import aio_pika.exceptions
import asyncpg
import httpx

from chaos.customers import Abandoned
from chaos.faults import Fault, NotInjected
from chaos.history import Type, Value
from chaos.plan import plan
from chaos.world import World
from ledgerbell.processes import ProcessFailed
from ledgerbell.stack import MODULES
from shared.testing.servers import ServerFailed

_OVER: Type = "ok"
_FAILED: Type = "fail"
# Another fault was in the way, or was faster.
IN_THE_WAY = (
    NotInjected,
    Abandoned,
    ProcessFailed,
    OSError,
    TimeoutError,
    ServerFailed,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    httpx.HTTPError,
    aio_pika.exceptions.AMQPError,
)


class Nemesis:
    """Breaks ``world`` by ``faults``, as the seed has it."""

    def __init__(self, world: World, faults: Mapping[str, Fault], seed: int) -> None:
        self._world = world
        self._faults = faults
        self._seed = seed

    async def rage(self, seconds: float) -> None:
        """Go on for so many seconds, and begin nothing that would not come to its end in time."""
        deadline = monotonic() + seconds
        lingering: set[asyncio.Task[None]] = set()
        for step in plan(self._seed, {name: fault.breaks for name, fault in self._faults.items()}):
            if monotonic() + self._world.longest_seconds > deadline:
                break
            at_once: list[asyncio.Task[None]] = []
            for name in step.faults:
                fault, dice = self._faults[name], random.Random(f"{step.seed} {name}")
                if fault.lingers_seconds and monotonic() + self._longest(fault) > deadline:
                    continue
                injection = asyncio.create_task(self._inject(fault, dice), name=name)
                (lingering.add if fault.lingers_seconds else at_once.append)(injection)
            await asyncio.gather(*at_once)
            await asyncio.sleep(step.pause_seconds)
        if lingering:
            _, late = await asyncio.wait(lingering, timeout=max(0.0, deadline - monotonic()))
            for injection in late:
                injection.cancel()
            await asyncio.gather(*lingering)

    def _longest(self, fault: Fault) -> float:
        """In a longer run there is more time for each."""
        return max(fault.lingers_seconds, 2 * self._world.longest_seconds)

    async def _inject(self, fault: Fault, dice: random.Random) -> None:
        chosen, before = dice.choice(fault.targets), len(self._world.poison)
        target, outcome = chosen.rpartition("→")[2], _OVER
        told: Value = {"chosen": chosen}
        history = self._world.history
        history.add("nemesis", fault.name, "invoke", target, dict(told))
        try:
            told |= await fault.inject(self._world, chosen, dice) or {}
        except IN_THE_WAY as error:
            outcome = _FAILED
            told["error"] = f"{type(error).__name__}: {error}"
        except asyncio.CancelledError:
            outcome = _FAILED
            told["error"] = "the time was over"
        told["poison"] = self._world.poison[before:]
        history.add("nemesis", fault.name, outcome, target, told)


async def heal(world: World) -> None:
    """Nothing is broken any more, and everything is ready. Raises ProcessFailed where it is not."""
    world.edges.heal()
    for service in MODULES:
        with suppress(ProcessLookupError):
            world.stack.supervisor.kill(service, SIGCONT)
    await world.postgres.start()
    await world.rabbitmq.start()
    await world.stack.corner.apply_topology()
    for service in MODULES:
        await world.stack.supervisor.start(service)
