"""States the ledger every few seconds, for whoever checks that each transfer was told to its user."""

from __future__ import annotations

from prometheus_client import Counter

from credit.adapters import statements
from shared.db import Database
from shared.db.sweep import sweep
from shared.events.coverage import STATED, Request, Statement
from shared.messaging import BrokerAway, Message, Publisher
from shared.messaging.topology import events_exchange
from shared.observability.logs import get_logger
from shared.outbox import OutboxTransaction

log = get_logger(__name__)

EVERY_SECONDS = 3.0
QUIET_SECONDS = 30.0  # So often it is said that there is nothing to state.
TOLD = Counter("credit_statements_told_total", "Statements of the ledger that the broker has confirmed.")


class Statements:
    """Several may run: one makes the next statement, and each publishes what the others have not locked."""

    def __init__(self, db: Database, publisher: Publisher, service: str) -> None:
        self._db = db
        self._publisher = publisher
        self._exchange = events_exchange(service)

    async def run(self) -> None:
        await sweep(
            self._next,
            size=statements.MAX_TRANSFERS,
            every_seconds=EVERY_SECONDS,
            failed="statements.failed",
            passing=(BrokerAway,),
        )

    async def _next(self) -> int:
        """Waits for the broker first: all that was committed while it was away is stated when it is back."""
        await self._publisher.linked.wait()
        transfers = await self.make()
        told = await self.tell()
        return statements.MAX_TRANSFERS if told == statements.AT_MOST else transfers or 0

    async def make(self) -> int | None:
        """Write the next statement; see ``statements.make``."""
        async with self._db.transaction() as tx:
            return await statements.make(tx, QUIET_SECONDS)

    async def tell(self) -> int:
        """Publish what is to be published; returns how many were, and are not to be any more.

        Raises:
            BrokerAway: there is no connection, or no confirm; they stay.
        """
        async with self._db.transaction() as tx:
            untold = await statements.lock_untold(tx)
            if not untold:
                return 0
            receipt = await self._publisher.send_batch([self._message(each) for each in untold])
            # Confirm first, then mark: told twice, the reader knows it by its number.
            told = [each.number for each in untold if _id(each) in receipt.confirmed]
            await statements.mark_told(tx, told)
        TOLD.inc(len(told))
        if len(told) < len(untold):
            if receipt.returned:
                log.critical("statements.unroutable", hint="a binding is missing on the broker")
            raise BrokerAway("a statement was not confirmed")
        return len(told)

    def _message(self, statement: Statement) -> Message:
        return Message(self._exchange, STATED, _id(statement), statement.model_dump_json().encode())


async def tell_again(tx: OutboxTransaction, request: Request) -> None:
    """What somebody misses: statements, and the events of transfers."""
    await statements.tell_again(tx, request.statements)
    await statements.publish_again(tx, request.transfers)


def _id(statement: Statement) -> str:
    return f"statement-{statement.number}"
