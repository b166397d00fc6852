"""The service as a process that is killed, ended and poisoned: it loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
import pytest

from shared.db.database import AnyConnection
from shared.db.provision import ServiceDatabase
from shared.events import Envelope
from shared.inbox.parked import MAX_ATTEMPTS
from shared.messaging import Publisher
from shared.messaging.topology import parked_queue
from shared.testing.deliveries import message_of
from shared.testing.identities import KeyPair
from shared.testing.namespace import Namespace
from shared.testing.namespace import namespace as fresh_namespace
from shared.testing.servers import Servers, dies_with_parent, free_port
from shared.testing.waiting import until

pytestmark = pytest.mark.servers

PATIENCE_SECONDS = 60  # A process takes a second to start, and many when the machine is busy.

# The service, but that it dies of one event as if the interpreter had crashed.
MORTAL = """
import os
from functools import partial
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.main import Settings, build
from shared.events import CATALOGUE
from shared.http import serve

class Mortal(NotificationDispatcher):
    def dispatch(self, event):
        if getattr(event, "reason", "") == "crash":
            os._exit(9)
        return super().dispatch(event)

serve(partial(build, dispatcher=Mortal()), "notifier", Settings)
"""


@dataclass
class Corner:
    """Servers' corner of these tests alone, as no other notifier may take their events."""

    namespace: Namespace
    database: ServiceDatabase
    owner: AnyConnection
    environment: dict[str, str]

    logs: Path

    async def start(self, *command: str) -> Process:
        with self.logs.open("ab") as logs:
            process = await asyncio.create_subprocess_exec(
                *dies_with_parent([sys.executable, *(command or ("-m", "notifier"))]),
                env=os.environ | self.environment | {"LEDGERBELL_PORT": str(free_port(None))},
                stdout=logs,
                stderr=logs,
            )
        return Process(process)

    def complaints(self) -> list[str]:
        """Whatever a process said that is no ordinary line of the log."""
        return [line for line in self.logs.read_text().splitlines() if '"level":"info"' not in line]

    async def stored(self) -> int:
        return int(await self.owner.fetchval("SELECT count(*) FROM notification"))


@dataclass
class Process:
    """A notifier on a port of its own, until it ends."""

    process: asyncio.subprocess.Process

    async def end(self, by: signal.Signals) -> int:
        if self.process.returncode is None:
            self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)


@pytest.fixture
async def alone(servers: Servers, identities: Any, tmp_path: Path) -> AsyncIterator[Corner]:
    async with fresh_namespace(servers) as namespace:
        database = await namespace.database("notifier", "notifier.adapters.migrations")
        owner = await asyncpg.connect(database.migration_url)
        environment = {
            "LEDGERBELL_DATABASE_URL": database.url,
            "LEDGERBELL_BROKER_URL": namespace.broker_url("notifier"),
            "LEDGERBELL_AUTH_KEYS": identities.keys(),
            "LEDGERBELL_TRAIL_KEY": KeyPair.generate().private,
        }
        yield Corner(namespace, database, owner, environment, tmp_path / "logs")
        await owner.close()


async def publish(corner: Corner, events: list[Envelope]) -> None:
    publisher = Publisher(corner.namespace.admin_broker_url, "tests")
    running = asyncio.create_task(publisher.run())
    await publisher.linked.wait()
    receipt = await publisher.send_batch([message_of(event) for event in events], timeout=20)
    assert len(receipt.confirmed) == len(events)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def assert_once_and_without_gaps(corner: Corner, events: list[Envelope]) -> None:
    rows = await corner.owner.fetch("SELECT id FROM notification")
    assert sorted(row["id"] for row in rows) == sorted(event.id for event in events)
    streams = await corner.owner.fetch(
        "SELECT s.last_seq, s.unread, count(*) AS rows, max(n.seq) AS newest"
        " FROM stream s JOIN notification n USING (user_id) GROUP BY s.user_id"
    )
    assert all(row["last_seq"] == row["unread"] == row["rows"] == row["newest"] for row in streams)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
async def test_ended_in_the_middle_of_its_batches_it_loses_and_doubles_nothing(
    alone: Corner, added: Callable[..., Envelope], by: signal.Signals
) -> None:
    events = [added(f"user-{n % 37}", version=n) for n in range(1, 4001)]
    await publish(alone, events)

    for step in range(1, 3):
        running = await alone.start()

        async def under_way(goal: int = step * 1200) -> bool:
            return await alone.stored() >= goal

        await until(under_way, within_seconds=PATIENCE_SECONDS)
        await running.end(by)
        if by is signal.SIGTERM:
            assert alone.complaints() == []
    running = await alone.start()

    async def all_stored() -> bool:
        return await alone.stored() >= len(events)

    await until(all_stored, within_seconds=PATIENCE_SECONDS)
    await until(lambda: drained(alone), within_seconds=PATIENCE_SECONDS)
    await running.end(signal.SIGTERM)
    await assert_once_and_without_gaps(alone, events)


async def drained(corner: Corner) -> bool:
    async with await aio_pika.connect(corner.namespace.admin_broker_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("notifier.high", passive=True)
        return queue.declaration_result.message_count == 0


async def test_what_ends_the_process_is_parked_at_its_third_delivery_and_the_rest_is_stored(
    alone: Corner, added: Callable[..., Envelope]
) -> None:
    bomb, innocent = added("user-1", reason="crash"), added("user-2")
    async with await aio_pika.connect(alone.namespace.admin_broker_url) as connection:
        channel = await connection.channel()
        for event in (bomb, innocent):
            message = aio_pika.Message(
                event.data, headers=dict(event.headers()), message_id=str(event.id), delivery_mode=2
            )
            await channel.default_exchange.publish(message, routing_key=parked_queue("notifier"))

    for _ in range(MAX_ATTEMPTS):
        running = await alone.start("-c", MORTAL)
        assert await asyncio.wait_for(running.process.wait(), PATIENCE_SECONDS) == 9
    running = await alone.start("-c", MORTAL)

    async def innocent_stored() -> bool:
        return await alone.stored() == 1

    await until(innocent_stored, within_seconds=PATIENCE_SECONDS)
    row = await alone.owner.fetchrow("SELECT * FROM parked_event WHERE id = $1", bomb.id)
    assert row is not None
    assert (row["state"], row["reason"]) == ("parked", "no try came to an end")
    assert row["attempts"] == MAX_ATTEMPTS
    told = await alone.owner.fetchval("SELECT what FROM trail_entry WHERE event_id = $1", bomb.id)
    assert told == "parked"
    await running.end(signal.SIGTERM)
