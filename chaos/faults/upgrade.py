"""A rolling upgrade: each process makes way for the next one, which is there before it goes."""

from __future__ import annotations

import asyncio
import random

from chaos.faults.processes import SERVICES, start_replica, stop_replica
from chaos.faults.registry import fault
from chaos.world import World


@fault(25, "rolling-upgrade", SERVICES, breaks="processes", lingers=True)
async def rolling_upgrade(world: World, service: str, dice: random.Random) -> None:
    """And so back again: what was started first is there at the end."""
    await start_replica(world, service)
    try:
        world.edges.drop(service, world.stack.service_url(service))
        await world.stack.supervisor.stop(service)
        await asyncio.sleep(dice.uniform(0, 2))
        await world.stack.supervisor.start(service)
        world.edges.add(service, world.stack.service_url(service))
    finally:
        await stop_replica(world, service)
