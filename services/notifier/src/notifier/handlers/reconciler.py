"""Closes holes in the coverage: looks again, raises the alert, and has lost events published once more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING
from uuid import uuid4

from prometheus_client import Counter, Gauge

from notifier.adapters import coverage
from shared.db import Database
from shared.db.sweep import sweep
from shared.events.coverage import EXCHANGE, Request, owners_of
from shared.messaging import BrokerAway, Message, Publisher
from shared.observability.logs import get_logger

if TYPE_CHECKING:
    from asyncpg import Record

log = get_logger(__name__)

EVERY_SECONDS = 2.0
HOLE_SECONDS = 30.0
MISSING_SECONDS = 5.0
ASK_AGAIN_SECONDS = 10.0
NAMED = 20  # In one line of the log.

RATIO = Gauge("coverage_ratio", "Transfers that were shown to their user, of all that the ledger has stated.")
STATED = Gauge("coverage_stated", "Transfers that the ledger has stated.", ["kind"])
HOLES = Gauge("coverage_holes", "Transfers that no notification shows.", ["kind"])
OLDEST_SECONDS = Gauge(
    "coverage_oldest_hole_seconds", "Age of the oldest transfer that no notification shows."
)
BEHIND_SECONDS = Gauge("coverage_behind_seconds", "How long ago the ledger was last known whole.")
MISSING = Gauge("coverage_statements_missing", "Statements of the ledger that were never heard.")
ALERTS = Counter("coverage_alerts_total", "Transfers that were not shown in time.", ["kind"])
REPAIRED = Counter("coverage_repaired_total", "Transfers that were shown after they were asked for.")


class Reconciler:
    """Several may run: each takes what the others have not locked."""

    def __init__(self, db: Database, publisher: Publisher, *, hole_seconds: float = HOLE_SECONDS) -> None:
        self._db = db
        self._publisher = publisher
        self._hole_seconds = hole_seconds

    async def run(self) -> None:
        await sweep(
            self._once,
            size=coverage.LOOKED_AT,
            every_seconds=EVERY_SECONDS,
            failed="coverage.not_reconciled",
            passing=(BrokerAway,),
        )

    async def _once(self) -> int:
        """Without the broker the figures are true all the same, and nothing can be told in time."""
        closed = await self.look()
        await self.observe()
        if self._publisher.linked.is_set():
            await self.repair()
        return closed

    async def look(self) -> int:
        """Look at open holes again; returns how many were looked at, 0 where none was closed."""
        async with self._db.transaction() as tx:
            looked, closed = await coverage.look(tx)
        repaired = [row for row in closed if row["asks"]]
        if repaired:
            REPAIRED.inc(len(repaired))
            log.warning("coverage.repaired", count=len(repaired), transfers=_named(repaired))
        return looked if closed else 0

    async def repair(self) -> None:
        """Ask for what has been missing too long. Raises BrokerAway: it is asked for at the next look."""
        async with self._db.transaction() as tx:
            overdue = await coverage.take_overdue(tx, self._hole_seconds)
            missing = await coverage.take_missing(tx, MISSING_SECONDS, ASK_AGAIN_SECONDS)
            self._say(overdue, missing)
            await self._ask(_requests(overdue, missing))
        for row in overdue:
            if row["asks"] == 1:
                ALERTS.labels(row["kind"]).inc()

    async def observe(self) -> None:
        async with self._db.transaction() as tx:
            found = await coverage.figures(tx)
        now = datetime.now(UTC)
        RATIO.set(found.percent / 100)
        for each in found.kinds:
            STATED.labels(each.kind).set(each.stated)
            HOLES.labels(each.kind).set(each.holes)
        OLDEST_SECONDS.set(0 if found.oldest_at is None else (now - found.oldest_at).total_seconds())
        MISSING.set(found.statements_missing)
        until = found.stated_until
        BEHIND_SECONDS.set(inf if until is None else (now - until).total_seconds())

    def _say(self, overdue: list[Record], missing: list[int]) -> None:
        if overdue:
            log.critical(
                "coverage.hole",
                count=len(overdue),
                transfers=_named(overdue),
                hint="money has moved and its user was not told; the events are asked for again",
            )
        if missing:
            log.warning("coverage.statements_missing", count=len(missing), first=missing[0])

    async def _ask(self, requests: dict[str, Request]) -> None:
        messages = [
            Message(EXCHANGE, owner, uuid4().hex, request.model_dump_json().encode())
            for owner, request in requests.items()
        ]
        if not messages:
            return
        receipt = await self._publisher.send_batch(messages)
        if receipt.returned:
            log.critical("coverage.unroutable", hint="a binding is missing on the broker")
        if len(receipt.confirmed | receipt.returned) < len(messages):
            raise BrokerAway("a request was not confirmed")


def _requests(overdue: Iterable[Record], missing: list[int]) -> dict[str, Request]:
    """By whom they are for."""
    asked: dict[str, list[object]] = {}
    for row in overdue:
        for owner in owners_of(row["kind"]):
            asked.setdefault(owner, []).append(row["transfer_id"])
    requests = {owner: Request.model_validate({"transfers": ids}) for owner, ids in asked.items()}
    if missing:
        transfers = requests["credit"].transfers if "credit" in requests else []
        requests["credit"] = Request(transfers=transfers, statements=missing)
    return requests


def _named(rows: list[Record]) -> list[str]:
    return [str(row["transfer_id"]) for row in rows[:NAMED]]
