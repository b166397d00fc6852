"""What a service could not handle, as an operator deals with it: looked at, tried again, or given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from shared.db import Transaction
from shared.db.database import CONTENTION, UNREACHABLE
from shared.inbox.known import is_new
from shared.inbox.parked import ParkedStore
from shared.inbox.parking import ParkedEvent, park
from shared.messaging import Delivery
from shared.messaging.watch import DeadWatch
from shared.observability.logs import get_logger
from shared.pages import Page, decode, page_of

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

Tx = TypeVar("Tx", bound=Transaction)

_COLUMNS = (
    "id, number, queue, routing_key, reason, state, attempts, first_at, last_at, discarded_by, discard_reason"
)
# What waits for an operator: a try that ended the process is over as much as one in vain.
WAITING = ("parked", "attempting")


class UnknownLetter(Exception):
    """No event with this id was ever parked here."""


class LetterClosed(Exception):
    """It was handled or discarded meanwhile; ``state`` says which."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class DeadLetters(Generic[Tx]):
    """Of one service: its parked events, and what died in its dead queue."""

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[Tx]],
        recovery: ParkedStore,
        watch: DeadWatch,
        discarded: Callable[[Tx, Record, str, str], Awaitable[None]],
        park: Callable[[Transaction, ParkedEvent], Awaitable[object]] = park,
    ) -> None:
        """``discarded`` is told of a row that is given up, by whom and why, in that transaction.

        ``park`` is how what died is parked.
        """
        self._transaction = transaction
        self._recovery = recovery
        self._watch = watch
        self._discarded = discarded
        self._park = park

    @property
    def dead(self) -> int:
        """How many lay in the dead queue at the last look."""
        return self._watch.dead

    async def waiting(self) -> int:
        """How many wait for an operator."""
        async with self._transaction() as tx:
            row = await tx.fetchrow(
                "SELECT count(*) AS waiting FROM parked_event WHERE state = ANY($1)", WAITING
            )
        assert row is not None
        return int(row["waiting"])

    async def many(self, states: Sequence[str], before: str | None, limit: int) -> Page[Record]:
        """Those in one of these states, the last that came first. Raises InvalidCursor."""
        number = None if before is None else decode(before)
        async with self._transaction() as tx:
            rows = await tx.fetch(
                f"""
                SELECT {_COLUMNS} FROM parked_event
                WHERE state = ANY($1) AND ($2::bigint IS NULL OR number < $2)
                ORDER BY number DESC LIMIT $3
                """,  # noqa: S608  # The columns are our own constant.
                states,
                number,
                limit + 1,
            )
        return page_of(rows, limit)

    async def one(self, id_: UUID) -> Record:
        """With headers and body. Raises UnknownLetter."""
        async with self._transaction() as tx:
            row = await tx.fetchrow(
                f"SELECT {_COLUMNS}, headers, body FROM parked_event WHERE id = $1",  # noqa: S608  # As above.
                id_,
            )
        if row is None:
            raise UnknownLetter
        return row

    async def replay(self, id_: UUID) -> Record:
        """Handle it once more, now; an effect that is there already stays one. Returns it as it is then.

        Raises what interrupts it too, such as the database's troubles; then it waits as before.

        Raises:
            UnknownLetter: there is none.
            LetterClosed: it was handled, or discarded.
        """
        async with self._transaction() as tx:
            # However many tries have ended the process: an operator may always ask for one more.
            row = await tx.fetchrow(
                "UPDATE parked_event SET state = 'attempting', last_at = now(), attempts = attempts + 1,"
                " unfinished = unfinished + 1 WHERE id = $1 AND state = ANY($2)"
                " RETURNING routing_key, headers, body",
                id_,
                WAITING,
            )
        if row is None:
            raise LetterClosed((await self.one(id_))["state"])
        log.info("event.replayed", event_id=str(id_))
        delivery = Delivery(
            tag=0,
            routing_key=row["routing_key"],
            message_id=str(id_),
            redelivered=True,
            headers=row["headers"],
            body=row["body"],
        )
        try:
            pushed = await self._recovery.attempt(id_, delivery)
        except (Exception, asyncio.CancelledError):
            with suppress(*UNREACHABLE, *CONTENTION):  # It stays as it is, and waits all the same.
                await self._give_back(id_)
            raise
        if pushed is not None:
            await pushed
        return await self.one(id_)

    async def _give_back(self, id_: UUID) -> None:
        async with self._transaction() as tx:
            await tx.execute(
                "UPDATE parked_event SET state = 'parked', unfinished = unfinished - 1, last_at = now()"
                " WHERE id = $1 AND state = 'attempting'",
                id_,
            )

    async def discard(self, id_: UUID, by: str, reason: str) -> Record:
        """It will never be handled, however it comes. The row stays, with who says so and why.

        Raises:
            UnknownLetter: there is none.
            LetterClosed: it was handled, or discarded. What has its effect by another way is handled from
                now on, and nobody is told that it was given up.
        """
        async with self._transaction() as tx:
            letter = await tx.fetchrow(
                "SELECT id, routing_key, headers, body FROM parked_event"
                " WHERE id = $1 AND state = ANY($2) FOR UPDATE",
                id_,
                WAITING,
            )
            if letter is None:
                given_up = False
            elif given_up := await is_new(tx, id_):
                await tx.execute(
                    "UPDATE parked_event SET state = 'discarded', discarded_by = $2, discard_reason = $3,"
                    " last_at = now() WHERE id = $1",
                    id_,
                    by,
                    reason,
                )
                await self._discarded(tx, letter, by, reason)
            else:
                await tx.execute(
                    "UPDATE parked_event SET state = 'handled', unfinished = 0, last_at = now()"
                    " WHERE id = $1",
                    id_,
                )
        if not given_up:
            raise LetterClosed((await self.one(id_))["state"])
        log.warning("event.discarded", event_id=str(id_), by=by, reason=reason)
        return await self.one(id_)

    async def collect(self, at_most: int) -> int:
        """Move what died on the broker to the parked events, untried; returns how many it was.

        Raises BrokerAway when there is no link.
        """

        async def keep(delivery: Delivery) -> None:
            async with self._transaction() as tx:
                died = ParkedEvent(self._watch.queue, "it died in the parked queue", delivery, tried=False)
                await self._park(tx, died)

        return await self._watch.collect(keep, at_most)
