"""Events a second that a notifier stores when its queue is full: filled while it is down, then drained."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg

from bench.figures import Verdict, at_least_times, compare
from bench.floor.pipeline import Floor
from bench.floor.schema import WORK
from bench.product.pipeline import Product
from bench.queues import Queue
from bench.stage import Stage
from bench.turns import take_turns
from shared.events import Lane
from shared.messaging.topology import lane_queue
from shared.testing.waiting import until

USERS = 100
EVENTS = 10_000
WARM_UP_EVENTS = 2_000
AT_LEAST = 0.8
DRAINED_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.2


@dataclass
class Subject:
    """Whose notifier it is, where its work waits, and where what it has stored tells when."""

    pipeline: Product | Floor
    broker_url: str
    queue: str
    database_url: str
    stored_at: str
    debits: int = 0


async def run(stage: Stage) -> list[Verdict]:
    users = [f"bench-{number}" for number in range(USERS)]
    async with AsyncExitStack() as exits:
        product = await exits.enter_async_context(stage.product(users))
        floor = await exits.enter_async_context(stage.floor(users))
        corner = product.stack.corner
        subjects = [
            Subject(
                product,
                corner.admin_broker_url,
                lane_queue(Lane.CRITICAL),
                product.stack.database_url("notifier"),
                "stored_at",
            ),
            Subject(floor, floor.config.broker_url, WORK, floor.config.database_url, "created_at"),
        ]

        async def drain(subject: Subject, events: int = EVENTS) -> float:
            return await _drain(subject, users, events)

        for subject in subjects:
            await drain(subject, WARM_UP_EVENTS)
        rates = compare(await take_turns(drain, *subjects), float, "events/s", digits=0)
        for subject in subjects:
            await subject.pipeline.check(subject.debits)
    return [at_least_times(f"a queue of {EVENTS:,} stored", rates, AT_LEAST)]


async def _drain(subject: Subject, users: list[str], events: int) -> float:
    """Events a second, from the first commit to the last."""
    pipeline = subject.pipeline
    await pipeline.stop_notifier()
    await pipeline.writer.ask("burst", users=users, count=events)
    subject.debits += events
    async with Queue(subject.broker_url, subject.queue) as queue:
        await queue.until_waiting(events)
    database = await asyncpg.connect(subject.database_url)
    try:
        before = await database.fetchval("SELECT clock_timestamp()")
        numbered = int(await database.fetchval(NUMBERED)) + events

        async def stored() -> bool:
            return bool(await database.fetchval(NUMBERED) == numbered)

        await pipeline.start_notifier()
        await until(stored, within_seconds=DRAINED_SECONDS, every_seconds=LOOK_EVERY_SECONDS)
        seconds = await database.fetchval(
            f"SELECT extract(epoch FROM max({subject.stored_at}) - min({subject.stored_at}))::float8"
            f" FROM notification WHERE {subject.stored_at} > $1",
            before,
        )
    finally:
        await database.close()
    return events / float(seconds)


NUMBERED = "SELECT coalesce(sum(last_seq), 0)::bigint FROM stream"
