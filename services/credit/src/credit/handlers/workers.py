"""What happens by the clock: overdue holds are released, old idempotency keys forgotten."""

from __future__ import annotations

from prometheus_client import Counter

from credit.adapters import accounts
from credit.handlers.holds import expire_holds
from shared.db import Database
from shared.db.sweep import sweep
from shared.http.idempotency import KEPT_HOURS
from shared.observability.logs import get_logger
from shared.observability.trace import continue_trace, traced
from shared.outbox import Outbox

log = get_logger(__name__)

EXPIRED = Counter("credit_holds_expired_total", "Holds released because their time was over.")


class HoldExpiry:
    """Releases holds whose time is over. Several may run: each takes what the others have not locked."""

    BATCH = 100
    POLL_SECONDS = 1.0

    def __init__(self, db: Database, outbox: Outbox) -> None:
        self._db = db
        self._outbox = outbox

    async def run(self) -> None:
        await sweep(
            self.expire_batch, size=self.BATCH, every_seconds=self.POLL_SECONDS, failed="holds.expiry_failed"
        )

    async def expire_batch(self) -> int:
        """Returns how many holds were released."""
        with traced(continue_trace(None, None)):
            async with self._db.autocommit() as tx:
                events = await expire_holds(tx, self.BATCH)
            self._outbox.committed(events)
            if events:
                EXPIRED.inc(len(events))
                log.info("holds.expired", holds=len(events))
        return len(events)


class KeyCleanup:
    """Forgets idempotency keys after a day; the transfers they led to stay unique for ever."""

    BATCH = 1000
    POLL_SECONDS = 60.0

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run(self) -> None:
        await sweep(
            self.delete_batch,
            size=self.BATCH,
            every_seconds=self.POLL_SECONDS,
            failed="idempotency.cleanup_failed",
        )

    async def delete_batch(self) -> int:
        """Returns how many keys were deleted."""
        async with self._db.autocommit() as tx:
            return await accounts.delete_keys(tx, older_than_hours=KEPT_HOURS, at_most=self.BATCH)
