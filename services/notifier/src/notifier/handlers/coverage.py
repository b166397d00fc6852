"""Hears what the ledger states, and checks that each of its transfers was told to its user."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter
from pydantic import ValidationError

from notifier.adapters import coverage
from shared.db import Database
from shared.events.coverage import Statement
from shared.messaging import Delivery
from shared.observability.logs import get_logger

log = get_logger(__name__)

HEARD = Counter("coverage_statements_total", "Statements of the ledger that were heard.")


class StatementStore:
    """What the statements' consumer does with them. Heard twice, or by two processes, one counts once."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            try:
                statement = Statement.model_validate_json(delivery.body)
            except ValidationError as error:
                # Dropped: its number is missing, and is asked for until it can be read.
                log.critical("coverage.statement_unreadable", faults=error.error_count())
                continue
            async with self._db.transaction() as tx:
                new = await coverage.receive(tx, statement)
            if new:
                HEARD.inc()
