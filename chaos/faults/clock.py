"""What befalls clocks: a process lives in another time, ten minutes from all others."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

from chaos.faults.registry import NotInjected, fault
from chaos.history import Value
from chaos.world import World
from ledgerbell.stack import MODULES

clock = partial(fault, breaks="clock")

SHIFT_SECONDS = 600


@clock(15, "clock", tuple(MODULES))
async def shifted_clock(world: World, service: str, dice: random.Random) -> Value:
    """The wall clock alone; what is measured in the process goes by its monotonic one.

    libfaketime without its command, which would stand between us and the process.
    """
    if (library := _library()) is None:
        raise NotInjected("libfaketime is not installed: apt-get install faketime")
    supervisor, shift = world.stack.supervisor, dice.choice((-1, 1)) * SHIFT_SECONDS
    right = supervisor.command(service)
    told = {"LD_PRELOAD": str(library), "FAKETIME": f"{shift:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    supervisor.change(replace(right, environment={**right.environment, **told}))
    try:
        await supervisor.stop(service)
        await supervisor.start(service)
        await asyncio.sleep(dice.uniform(2, world.longest_seconds))
    finally:
        supervisor.change(right)
        await supervisor.stop(service)
        await supervisor.start(service)
    return {"shift_seconds": shift}


def _library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
