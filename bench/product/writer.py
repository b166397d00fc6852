"""Debits with the credit service's own code, in its own transaction and through its outbox, without HTTP."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvloop

from bench.child import Commands, Json, until
from credit.adapters import ledger
from credit.adapters.ledger import Decided, Deduction, Outcome
from credit.domain.commands import AddCredits, DeductCredits, Intent
from credit.handlers.accounts import open_account
from credit.handlers.deductions import Deductions
from credit.handlers.movements import add_credits
from shared.db import Database
from shared.messaging import Publisher
from shared.money import Money
from shared.observability.logs import configure_logs
from shared.observability.trace import continue_trace, traced
from shared.outbox import DirectPublisher

if TYPE_CHECKING:
    from asyncpg import Record

FUNDS = Money(1_000_000_000, "USD")
ONE_CENT = Money(1, "USD")
REASON = "SMS verification"


@dataclass(frozen=True)
class Config:
    """The credit service's URLs."""

    database_url: str
    broker_url: str


class Writer:
    """The commands that the harness gives; the floor's writer knows the same."""

    def __init__(self, db: Database, publisher: DirectPublisher) -> None:
        self._db = db
        self._publisher = publisher
        self._deductions = Deductions(db)

    async def fund(self, command: Json) -> Json:
        """Opens and fills an account for each user."""
        for user in command["users"]:
            async with self._db.transaction() as tx:
                await open_account(tx, user, Money(0, "USD"))
                outcome = await add_credits(
                    tx, AddCredits(intent(), user, FUNDS, "manual", "Funds of the benchmark")
                )
            self._publisher.committed(outcome.events)
        return {}

    async def steady(self, command: Json) -> Json:
        """`rate` debits a second, one a commit, `count` of them; answers with each one's commit time."""
        users: list[str] = command["users"]
        start = time.monotonic_ns()
        commits = []
        for number in range(command["count"]):
            await until(start + number * 1_000_000_000 // command["rate"])
            commits.append(await self._deduct(users[number % len(users)]))
        return {"commits": commits}

    async def burst(self, command: Json) -> Json:
        """`count` debits as fast as they go, one a user in each commit."""
        users: list[str] = command["users"]
        commits: list[tuple[str, int]] = []
        while len(commits) < command["count"]:
            commits += await self._deduct_many(users)
        return {"commits": commits}

    async def _deduct(self, user: str) -> tuple[str, int]:
        command = DeductCredits(intent(), user, ONE_CENT, REASON)
        with traced(continue_trace(None, None)):
            outcome = await self._deductions.deduct_credits(command)
            committed_ns = time.monotonic_ns()
            check_accepted([outcome])
            self._publisher.committed(outcome.events)
        return str(command.intent.transfer_id), committed_ns

    async def _deduct_many(self, users: list[str]) -> list[tuple[str, int]]:
        deductions = []
        for user in users:
            with traced(continue_trace(None, None)):
                deductions.append(Deduction.of(DeductCredits(intent(), user, ONE_CENT, REASON)))
        async with self._db.autocommit() as tx:
            outcomes = await ledger.deduct_many(tx, deductions)
        committed_ns = time.monotonic_ns()
        self._publisher.committed(check_accepted(outcomes))
        return [(str(deduction.transfer_id), committed_ns) for deduction in deductions]


def intent() -> Intent:
    return Intent("bench", str(uuid.uuid4()), "")


def check_accepted(outcomes: Sequence[Decided]) -> list[Record]:
    """Their events."""
    events: list[Record] = []
    for outcome in outcomes:
        if not isinstance(outcome, Outcome) or outcome.status != 201 or len(outcome.events) != 1:
            raise RuntimeError(f"a debit was refused: {outcome!r}")
        events += outcome.events
    return events


@asynccontextmanager
async def open_writer(config: Config) -> AsyncIterator[Writer]:
    """A writer in this process, and the way out of what it has committed."""
    db = Database(config.database_url, application="bench", pool_size=2)
    await db.connect()
    publisher = Publisher(config.broker_url, "bench")
    direct = DirectPublisher(db, publisher, "credit")
    try:
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(publisher.run()), tasks.create_task(direct.run())]
            await publisher.linked.wait()
            yield Writer(db, direct)
            for task in background:
                task.cancel()
    finally:
        await db.close()


async def main() -> None:
    commands, settings = await Commands.open()
    configure_logs("bench", "CRITICAL")  # Outages are on purpose here, and checked by what comes out.
    async with open_writer(Config(**settings)) as writer:
        await commands.serve({"fund": writer.fund, "steady": writer.steady, "burst": writer.burst})


if __name__ == "__main__":
    uvloop.run(main())
