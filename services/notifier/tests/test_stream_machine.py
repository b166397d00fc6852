"""Whatever is delivered, repeated and read, in any order: the stream agrees with a model of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from notifier.adapters import streams
from notifier.adapters.push import Push
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.domain.filters import Filters
from notifier.handlers.history import read_page
from notifier.handlers.reads import mark_read, mark_read_up_to
from notifier.handlers.record import Recorder
from notifier.handlers.store import BatchStore
from shared.db import Database
from shared.db.provision import ServiceDatabase
from shared.events import Envelope
from shared.messaging import Publisher
from shared.testing.deliveries import delivery_of

pytestmark = pytest.mark.servers


class Streams(RuleBasedStateMachine):
    """One user. The model: events in the order of their places, and which of them are read."""

    database: ServiceDatabase
    added: Callable[..., Envelope]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.db = Database(self.database.url, application="machine", pool_size=2)
        self.loop.run(self.db.connect())
        push = Push(Publisher("amqp://nobody@127.0.0.1:1/", "machine"))
        self.store = BatchStore(self.db, NotificationDispatcher(), push, "notifier.test", Recorder("test"))
        self.user_id = f"user-{uuid4()}"
        self.events: list[Envelope] = []
        self.read: set[int] = set()
        self.rev = 0

    def teardown(self) -> None:
        self.loop.run(self.db.close())
        self.loop.close()

    @rule(fresh=st.integers(0, 5), again=st.lists(st.integers(0, 30), max_size=3), twice=st.booleans())
    def deliver(self, fresh: int, again: list[int], twice: bool) -> None:
        new = [self.added(self.user_id) for _ in range(fresh)]
        old = [self.events[n] for n in again if n < len(self.events)]
        self.loop.run(self.store.handle([delivery_of(e) for e in old + new + (new if twice else [])]))
        self.events += new
        self.rev += len(new)

    @rule(seq=st.integers(1, 30))
    def read_one(self, seq: int) -> None:
        if seq > len(self.events):
            return

        async def mark() -> bool:
            async with self.db.transaction() as tx:
                return (await mark_read(tx, self.user_id, self.events[seq - 1].id)).changed

        assert self.loop.run(mark()) is (seq not in self.read)
        self.rev += seq not in self.read
        self.read.add(seq)

    @rule(seq=st.integers(0, 40))
    def read_up_to(self, seq: int) -> None:
        async def mark() -> bool:
            async with self.db.transaction() as tx:
                return (await mark_read_up_to(tx, self.user_id, seq)).changed

        self.rev += self.loop.run(mark())
        self.read |= set(range(1, min(seq, len(self.events)) + 1))

    @invariant()
    def agrees_with_the_model(self) -> None:
        async def look() -> tuple[streams.Head, Any, Any]:
            async with self.db.autocommit() as tx:
                head = (await streams.heads(tx, [self.user_id]))[self.user_id]
                [rows] = await streams.replays(tx, [streams.Replay(head, 0, 500)])
                page = await read_page(tx, self.user_id, before=None, limit=100, filters=Filters(unread=True))
                return head, rows, page

        head, rows, page = self.loop.run(look())
        unread = [seq for seq in range(1, len(self.events) + 1) if seq not in self.read]
        assert [(row["seq"], row["id"]) for row in rows] == [
            (seq, event.id) for seq, event in enumerate(self.events, 1)
        ]
        assert head.cursor.seq == len(self.events)
        assert head.unread == len(unread)
        assert head.rev == self.rev
        assert [row["seq"] for row in page.rows] == unread[::-1]


def test_a_stream_agrees_with_its_model(database: ServiceDatabase, added: Callable[..., Envelope]) -> None:
    Machine = type("Machine", (Streams,), {"database": database, "added": staticmethod(added)})

    run_state_machine_as_test(
        Machine, settings=hypothesis_settings(max_examples=20, stateful_step_count=20, deadline=None)
    )
