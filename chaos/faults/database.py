"""What befalls the database: it crashes, ends sessions, keeps locks, and is full."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import asyncpg

from chaos.faults.registry import fault
from chaos.history import Value
from chaos.world import World
from ledgerbell.prepare import MIGRATIONS

database = partial(fault, breaks="database")

POSTGRES = ("postgres",)
# The table that everything a service does has to touch.
HOT = {
    "credit": "account",
    "payment": "payment",
    "refund": "refundable",
    "verification": "verification",
    "monitor": "observation",
    "notifier": "stream",
}
AT_ONCE = 10  # Connections; the server takes two hundred.


@database(11, "database-crash", POSTGRES)
async def database_crash(world: World, *_: object) -> None:
    """An immediate stop, which recovers at the next start."""
    await world.postgres.restart()


@database(12, "sessions-ended", tuple(MIGRATIONS))
async def sessions_ended(world: World, service: str, dice: random.Random) -> Value:
    """Half of them at random, again and again: `pg_terminate_backend`."""
    ended = 0
    admin = await asyncpg.connect(world.postgres.url)
    try:
        for _ in range(dice.randrange(3, 10)):
            sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 ORDER BY pid"
            pids = [row["pid"] for row in await admin.fetch(sql, f"{world.stack.corner.name}_{service}")]
            for pid in pids:
                if dice.random() < 0.5:
                    ended += await admin.fetchval("SELECT pg_terminate_backend($1)", pid)
            await asyncio.sleep(dice.uniform(0, 0.5))
    finally:
        await admin.close()
    return {"sessions": ended}


@database(13, "lock-storm", tuple(MIGRATIONS))
async def lock_storm(world: World, service: str, dice: random.Random) -> None:
    """Somebody holds the table everybody needs, until all connections of the pool wait for it."""
    admin = await asyncpg.connect(world.postgres.url, database=f"{world.stack.corner.name}_{service}")
    try:
        async with admin.transaction():
            await admin.execute(f"LOCK TABLE {HOT[service]} IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(dice.uniform(2, world.longest_seconds))
    finally:
        await admin.close()


@database(13, "connections-exhausted", POSTGRES)
async def connections_exhausted(world: World, _: str, dice: random.Random) -> Value:
    """The server has no room for one more, and services have to connect anew."""
    first = await asyncpg.connect(world.postgres.url)
    held = [first]
    try:
        full = False
        while not full:
            some = (asyncpg.connect(world.postgres.url) for _ in range(AT_ONCE))
            outcomes = await asyncio.gather(*some, return_exceptions=True)
            held += [each for each in outcomes if isinstance(each, asyncpg.Connection)]
            full = any(isinstance(each, BaseException) for each in outcomes)
        await first.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE $1",
            f"{world.stack.corner.name}\\_%",
        )
        await asyncio.sleep(dice.uniform(1, world.longest_seconds))
    finally:
        for connection in held:
            connection.terminate()
    return {"connections": len(held)}
