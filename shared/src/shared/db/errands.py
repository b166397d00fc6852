"""Work on rows that is due by the clock or at a nudge, done by whichever process comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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
AT_ONCE = 16  # Most of them wait for a provider, without a connection.

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
    """

    def __init__(
        self,
        db: Database,
        table: sa.Table,
        do: Callable[[UUID], Awaitable[None]],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._db = db
        self._table = table.name
        self._do = do
        self._lease_seconds = lease_seconds
        self._due = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def nudge(self) -> None:
        """Something is due now, or may be; do not wait for the next look."""
        self._due.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                if len(self._running) == AT_ONCE:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                self._due.clear()
                taken = await self._take(AT_ONCE - len(self._running))
                for row in taken:
                    errand = tasks.create_task(self._run_one(row["id"], row["correlation_id"]))
                    self._running.add(errand)
                    errand.add_done_callback(self._running.discard)
                if not taken:
                    await self._until_due()

    async def _until_due(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._due.wait()
        except TimeoutError:
            pass

    async def _take(self, at_most: int) -> Sequence[Record]:
        try:
            async with self._db.autocommit() as tx:
                return await tx.fetch(
                    f"""
                    UPDATE {self._table} SET due_at = now() + make_interval(secs => $1) WHERE id IN (
                        SELECT id FROM {self._table} WHERE due_at <= now()
                        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
                    ) RETURNING id, correlation_id
                    """,  # noqa: S608  # The table is our own.
                    self._lease_seconds,
                    at_most,
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
