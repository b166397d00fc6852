"""Tells everything once more, minutes later and in packs: what the broker has lost since is made good.

A queue that was purged or deleted, a binding that was missing for a while, a disk: the broker had confirmed,
and nobody else knows. Whoever has it all throws the pack away, which costs one look at its inbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from uuid import uuid4

from shared.db import Database
from shared.db.sweep import sweep
from shared.messaging import BrokerAway, Message, Publisher
from shared.messaging.packs import packed
from shared.messaging.topology import recap_key
from shared.observability.logs import get_logger
from shared.outbox.table import OUTBOX_COLUMNS, to_message

log = get_logger(__name__)

RECAP_AFTER_SECONDS = 300.0
POLL_SECONDS = 1.0
BATCH = 500


class Recap:
    """Takes what was sent so many seconds ago with SKIP LOCKED, so that several share the work."""

    def __init__(
        self,
        db: Database,
        publisher: Publisher,
        service: str,
        *,
        after_seconds: float = RECAP_AFTER_SECONDS,
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._service = service
        self._after_seconds = after_seconds

    async def run(self) -> None:
        async def once_linked() -> int:
            await self._publisher.linked.wait()
            return await self.tell_batch()

        await sweep(
            once_linked,
            size=BATCH,
            every_seconds=POLL_SECONDS,
            failed="outbox.recap_failed",
            passing=(BrokerAway,),
        )

    async def tell_batch(self) -> int:
        """Publish one batch; returns how many events were told and forgotten.

        Raises:
            BrokerAway: there is no connection, or no confirm; they stay.
        """
        async with self._db.transaction() as tx:
            rows = await tx.fetch(
                f"""
                SELECT {OUTBOX_COLUMNS} FROM sent WHERE sent_at < now() - make_interval(secs => $1)
                ORDER BY sent_at LIMIT $2 FOR UPDATE SKIP LOCKED
                """,  # noqa: S608  # The columns are our own constant.
                self._after_seconds,
                BATCH,
            )
            if not rows:
                return 0
            packs = list(_packs(to_message(row, self._service) for row in rows))
            receipt = await self._publisher.send_batch(packs)
            if len(receipt.confirmed) < len(packs):
                if receipt.returned:
                    log.critical(
                        "outbox.unroutable", events=len(rows), hint="a binding is missing on the broker"
                    )
                raise BrokerAway("a recap was not confirmed")
            await tx.execute("DELETE FROM sent WHERE id = ANY($1::uuid[])", [row["id"] for row in rows])
        return len(rows)


def _packs(events: Iterable[Message]) -> Iterator[Message]:
    """Those of each exchange by themselves: who listens to one of them need not hear the other."""
    by_exchange = defaultdict(list)
    for event in events:
        by_exchange[event.exchange].append(event)
    for exchange, some in by_exchange.items():
        key = recap_key(exchange.partition(".")[0])
        for body in packed(some):
            yield Message(exchange, key, uuid4().hex, body)
