"""Publishes what the direct path left behind: after a crash, or while the broker was away."""

from __future__ import annotations

import asyncio

from prometheus_client import Gauge

from shared.db import Database, Transaction
from shared.db.sweep import sweep
from shared.messaging import BrokerAway, Publisher
from shared.observability.logs import get_logger
from shared.outbox.direct import PUBLISHED
from shared.outbox.table import OUTBOX_COLUMNS, mark_sent, to_message

log = get_logger(__name__)

LEFT_BEHIND_AFTER_SECONDS = 2
POLL_SECONDS = 1.0
BATCH = 500
OBSERVE_SECONDS = 5.0
AT_ONCE = 3  # One batch is read and one marked while the broker confirms the third.

WAITING = Gauge("outbox_waiting", "Rows in the outbox.")
OLDEST_SECONDS = Gauge("outbox_oldest_seconds", "Age of the oldest row in the outbox.")
UNROUTABLE = Gauge("outbox_unroutable", "Rows in the outbox that the broker has returned.")


class Relay:
    """Takes rows older than 2 s with SKIP LOCKED, so that several relays share the work.

    It takes what is there and never ``id > last``: ids are not in the order of commits. Nor do they leave in
    any order; whoever hears them goes by what they say (see docs/decisions/0004).
    """

    def __init__(self, db: Database, publisher: Publisher, source: str) -> None:
        self._db = db
        self._publisher = publisher
        self._source = source

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                sweep(self._observe, size=1, every_seconds=OBSERVE_SECONDS, failed="outbox.not_observed")
            )
            for _ in range(AT_ONCE):
                tasks.create_task(
                    sweep(
                        self._once_linked,
                        size=BATCH,
                        every_seconds=POLL_SECONDS,
                        failed="outbox.relay_failed",
                        passing=(BrokerAway,),
                    )
                )

    async def _once_linked(self) -> int:
        await self._publisher.linked.wait()
        return await self.relay_batch()

    async def relay_batch(self) -> int:
        """Publish one batch; returns how many were confirmed and marked as sent.

        Raises:
            BrokerAway: there is no connection; the rows stay.
        """
        async with self._db.transaction() as tx:
            rows = await tx.fetch(
                f"""
                SELECT {OUTBOX_COLUMNS} FROM outbox
                WHERE occurred_at < now() - make_interval(secs => $1) AND next_attempt_at <= now()
                ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
                """,  # noqa: S608  # The columns are our own constant.
                float(LEFT_BEHIND_AFTER_SECONDS),
                BATCH,
            )
            if not rows:
                return 0
            receipt = await self._publisher.send_batch([to_message(row, self._source) for row in rows])
            # Confirm first, then mark: a crash between sends twice, and the inbox absorbs it.
            await mark_sent(tx, receipt.confirmed)
            await self._put_off(tx, sorted(receipt.returned))
        PUBLISHED.labels("relay").inc(len(receipt.confirmed))
        log.info("outbox.relayed", confirmed=len(receipt.confirmed), returned=len(receipt.returned))
        return len(receipt.confirmed)

    async def _put_off(self, tx: Transaction, returned: list[str]) -> None:
        if not returned:
            return
        log.critical("outbox.unroutable", events=returned, hint="a binding is missing on the broker")
        await tx.execute(
            """
            UPDATE outbox SET attempts = attempts + 1, last_error = 'returned: no queue is bound',
                next_attempt_at = now() + make_interval(secs => least(300, 2 ^ least(attempts, 8)))
            WHERE id = ANY($1::uuid[])
            """,
            returned,
        )

    async def _observe(self) -> int:
        """Whether or not the broker is there: what waits for it is what one wants to know then."""
        async with self._db.autocommit() as tx:
            row = await tx.fetchrow(
                """
                SELECT count(*) AS rows, count(*) FILTER (WHERE attempts > 0) AS returned,
                    coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float8 AS age
                FROM outbox
                """
            )
        assert row is not None
        WAITING.set(row["rows"])
        UNROUTABLE.set(row["returned"])
        OLDEST_SECONDS.set(row["age"])
        return 0
