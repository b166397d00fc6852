"""A service's way out: transactions that can publish, and what carries their events to the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import Gauge
from uuid_utils.compat import uuid7

from shared.db import Database, Transaction
from shared.messaging import Publisher
from shared.outbox.direct import DirectPublisher
from shared.outbox.recap import RECAP_AFTER_SECONDS, Recap
from shared.outbox.relay import Relay
from shared.outbox.table import write

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from shared.db.database import AnyConnection
    from shared.events import Event

LINKED = Gauge("outbox_broker_linked", "1 while there is a connection to publish on.", ["service"])


class OutboxTransaction(Transaction):
    """A transaction whose events are written with everything else, and leave once it is committed."""

    __slots__ = ("written",)

    def __init__(self, connection: AnyConnection) -> None:
        super().__init__(connection)
        self.written: list[Record] = []

    async def publish(self, user_id: str, event: Event, *, event_id: UUID | None = None) -> UUID:
        """Write an event about this user; returns its id.

        ``event_id`` is given where the same event may have to be published again: inboxes know it then.
        """
        id_ = event_id or uuid7()
        if (row := await write(self, id_, user_id, event)) is not None:
            self.written.append(row)
        return id_


class Outbox:
    """One a process. ``works`` are its background workers by name."""

    def __init__(
        self,
        db: Database,
        broker_url: str,
        service: str,
        *,
        recap_after_seconds: float = RECAP_AFTER_SECONDS,
    ) -> None:
        self._db = db
        self.publisher = Publisher(broker_url, f"{service}.publish")
        self._direct = DirectPublisher(db, self.publisher, service)
        self._relay = Relay(db, self.publisher, service)
        self._recap = Recap(db, self.publisher, service, after_seconds=recap_after_seconds)
        LINKED.labels(service).set_function(lambda: float(self.publisher.linked.is_set()))

    @property
    def works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "publisher": self.publisher.run,
            "direct-publisher": self._direct.run,
            "relay": self._relay.run,
            "recap": self._recap.run,
        }

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[OutboxTransaction]:
        """Committed when the block ends, and then published; rolled back, events too, when it raises."""
        async with self._db.connection() as connection:
            tx = OutboxTransaction(connection)
            async with connection.transaction():
                yield tx
        self.committed(tx.written)

    def committed(self, rows: Iterable[Record]) -> None:
        """Hand over outbox rows that were written, and committed, by a statement of the caller's own."""
        self._direct.committed(rows)
