"""A rolling upgrade: each process makes way for the next one, which is there before it goes."""

from __future__ import annotations

import asyncio
import random

from chaos.faults.processes import SERVICES, replica
from chaos.faults.registry import fault
from chaos.world import World


@fault(25, "rolling-upgrade", SERVICES, breaks="processes", lingers_seconds=30)
async def rolling_upgrade(world: World, service: str, dice: random.Random) -> None:
    """And so back again: what was started first is there at the end."""
    first = world.stack.service_url(service)
    async with replica(world, service):
        world.edges.drop(service, first)
        try:
            await world.stack.supervisor.stop(service)
            await asyncio.sleep(dice.uniform(0, 2))
        finally:
            try:
                await world.stack.supervisor.start(service)
            finally:
                world.edges.add(service, first)
