"""Work on rows that is due by the clock or at a nudge, done by whichever process comes first."""

from __future__ import annotations

import asyncio
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from prometheus_client import Counter

from shared.db.database import UNREACHABLE, Database
from shared.observability.logs import get_logger
from shared.observability.trace import continue_trace, traced

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

POLL_SECONDS = 1.0
LEASE_SECONDS = 30.0
AT_ONCE = 16  # In a lane. Most of them wait for a provider, without a connection.

FAILED = Counter("errands_failed_total", "Errands that raised; each is tried again.", ["table"])


def errand_columns() -> tuple[sa.Column[object], ...]:
    """What a table of errands has besides its ``id``: when it is due (NULL: never), and its story's id."""
    return (
        sa.Column("due_at", sa.DateTime(timezone=True), index=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("correlation_id", sa.Text),
    )


class Errands:
    """Rows of ``table`` whose ``due_at`` has come, given to ``do`` one by one, outside of any transaction.

    A row is leased by moving its ``due_at`` 30 s ahead. ``do`` commits what came of it together with the next
    ``due_at``, or with none; where it dies or raises, the row is due again when the lease is over. So ``do``
    must bear being repeated, and end well within the lease.

    ``lane`` is SQL over a row, such as its provider: errands that hang hold up those of their lane only.
    """

    def __init__(
        self,
        db: Database,
        table: sa.Table,
        do: Callable[[UUID], Awaitable[None]],
        *,
        lane: str = "''",
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._db = db
        self._table = table.name
        self._do = do
        self._lane = lane
        self._lease_seconds = lease_seconds
        self._due = asyncio.Event()
        self._running: Counts[str] = Counts()

    def nudge(self) -> None:
        """Something is due now, or may be; do not wait for the next look."""
        self._due.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._due.clear()
                taken = await self._take()
                for row in taken:
                    self._running[row["lane"]] += 1
                    errand = tasks.create_task(self._run_one(row["id"], row["correlation_id"]))
                    errand.add_done_callback(partial(self._ended, row["lane"]))
                if not taken:
                    await self._until_due()

    def _ended(self, lane: str, _: asyncio.Task[None]) -> None:
        if self._running[lane] == AT_ONCE:
            self._due.set()  # What waits for its lane can be begun.
        self._running[lane] -= 1

    async def _until_due(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._due.wait()
        except TimeoutError:
            pass

    async def _take(self) -> Sequence[Record]:
        """No more than the fullest lane with room has room for: all of them may be of that lane."""
        full = [lane for lane, running in self._running.items() if running == AT_ONCE]
        busiest = max((running for running in self._running.values() if running < AT_ONCE), default=0)
        try:
            async with self._db.autocommit() as tx:
                return await tx.fetch(
                    f"""
                    UPDATE {self._table} SET due_at = now() + make_interval(secs => $1) WHERE id IN (
                        SELECT id FROM {self._table} WHERE due_at <= now() AND {self._lane} <> ALL($3::text[])
                        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
                    ) RETURNING id, correlation_id, {self._lane} AS lane
                    """,  # noqa: S608  # Table and lane are our own.
                    self._lease_seconds,
                    AT_ONCE - busiest,
                    full,
                )
        except (asyncpg.PostgresError, *UNREACHABLE) as error:
            log.warning("errands.not_taken", table=self._table, error=repr(error))
            return ()

    async def _run_one(self, id_: UUID, correlation_id: str | None) -> None:
        with traced(continue_trace(None, correlation_id)):
            try:
                await self._do(id_)
            except Exception as error:  # It is due again when the lease is over.
                FAILED.labels(self._table).inc()
                log.error("errand.failed", table=self._table, id=str(id_), exc_info=error)
