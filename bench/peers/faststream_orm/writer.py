"""Debits in a session, and publishes each of its events once it has committed."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime

import uvloop
from faststream.rabbit import RabbitBroker
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from bench.child import Commands, Json, until
from bench.config import Config
from bench.peers.faststream_orm.events import DEDUCTED, EVENTS, CreditDeducted
from bench.peers.faststream_orm.models import Account, Entry, Transfer, alchemy_url

ONE_CENT = 1

Commits = list[tuple[str, int]]


class Writer:
    """The commands that the harness gives; the floor's writer knows the same."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], broker: RabbitBroker) -> None:
        self._sessions = sessions
        self._broker = broker

    async def steady(self, command: Json) -> Json:
        """`rate` debits a second, each on its own as requests are, `count` of them."""
        users: list[str] = command["users"]
        start = time.monotonic_ns()
        debits: list[asyncio.Task[Commits]] = []
        async with asyncio.TaskGroup() as tasks:
            for number in range(command["count"]):
                await until(start + number * 1_000_000_000 // command["rate"])
                debits.append(tasks.create_task(self._debit([users[number % len(users)]])))
        return {"commits": [commit for debit in debits for commit in debit.result()]}

    async def burst(self, command: Json) -> Json:
        """`count` debits as fast as they go, one a user in each commit."""
        commits: Commits = []
        while len(commits) < command["count"]:
            commits += await self._debit(command["users"])
        return {"commits": commits}

    async def _debit(self, users: list[str]) -> Commits:
        async with self._sessions.begin() as session:
            wanted = select(Account).where(Account.user_id.in_(users)).with_for_update()
            events = [_deduct(session, account) for account in await session.scalars(wanted)]
        committed_ns = time.monotonic_ns()
        for event in events:
            await self._broker.publish(
                event, exchange=EVENTS, routing_key=DEDUCTED, message_id=str(event.event_id), persist=True
            )
        return [(str(event.transfer_id), committed_ns) for event in events]


def _deduct(session: AsyncSession, account: Account) -> CreditDeducted:
    account.balance -= ONE_CENT
    account.version += 1
    entries = [
        Entry(account=account.user_id, amount=-ONE_CENT),
        Entry(account="revenue", amount=ONE_CENT),
    ]
    transfer = Transfer(id=uuid.uuid4(), user_id=account.user_id, amount=ONE_CENT, entries=entries)
    session.add(transfer)
    return CreditDeducted(
        event_id=uuid.uuid4(),
        transfer_id=transfer.id,
        user_id=account.user_id,
        amount=ONE_CENT,
        currency="USD",
        balance_after=account.balance,
        version=account.version,
        reason="SMS verification",
        reference="bench",
        occurred_at=datetime.now(UTC),
    )


async def main() -> None:
    commands, settings = await Commands.open()
    config = Config(**settings)
    engine = create_async_engine(alchemy_url(config.database_url))
    # Two log lines a message are FastStream's default; nothing here logs that much.
    async with RabbitBroker(config.broker_url, logger=None) as broker:
        writer = Writer(async_sessionmaker(engine, expire_on_commit=False), broker)
        await commands.serve({"steady": writer.steady, "burst": writer.burst})
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main())
