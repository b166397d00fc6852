"""Puts the credit service together and runs it; it starts, and waits, without database or broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from credit.api import ROUTERS
from credit.api.till import Till
from credit.consumers import SUBSCRIPTIONS
from credit.handlers.statements import Statements, tell_again
from credit.handlers.workers import HoldExpiry, KeyCleanup
from shared.db import Database
from shared.events import exchange_of
from shared.events.credit import CreditDeducted
from shared.events.letter import LetterDiscarded
from shared.http import Keyring, Workers, create_app, serve
from shared.http.dead_letters import dead_letters
from shared.inbox import RepairRequests, Subscriber
from shared.messaging.connection import keep_checking
from shared.messaging.topology import coverage_queue, service_queues
from shared.money import InvalidAmount, UnknownCurrency
from shared.outbox import Outbox
from shared.pages import InvalidCursor
from shared.settings import DatabaseSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

SERVICE = "credit"
EXCHANGES = (exchange_of(CreditDeducted.TYPE), exchange_of(LetterDiscarded.TYPE))


class Settings(DatabaseSettings):
    """Nothing beyond what every service with a database reads."""


def build(settings: Settings) -> FastAPI:
    """The service's app. Raises WeakKey when a token key must not be used."""
    keyring = Keyring.from_json(settings.auth_keys)
    db = Database(settings.database_url, application=SERVICE, pool_size=settings.database_pool_size)
    outbox = Outbox(db, settings.broker_url, SERVICE, recap_after_seconds=settings.recap_after_seconds)
    subscriber = Subscriber(outbox, db.probe, settings.broker_url, SERVICE, SUBSCRIPTIONS)
    expiry = HoldExpiry(db, outbox)
    cleanup = KeyCleanup(db)
    statements = Statements(db, outbox.publisher, SERVICE)
    requests = RepairRequests(outbox, db.probe, settings.broker_url, SERVICE, tell_again)
    queues = (*service_queues(SERVICE), coverage_queue(SERVICE))
    preflight = partial(keep_checking, settings.broker_url, SERVICE, exchanges=EXCHANGES, queues=queues)
    workers = Workers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.connect()
        for name, work in (outbox.works | subscriber.works | requests.works).items():
            workers.start(name, work)
        workers.start("hold-expiry", expiry.run)
        workers.start("key-cleanup", cleanup.run)
        workers.start("statements", statements.run)
        workers.start("preflight", preflight)
        try:
            yield
        finally:
            await workers.stop()
            await db.close()

    app = create_app(
        "Ledgerbell credit",
        keyring=keyring,
        routers=[*ROUTERS, dead_letters(SERVICE, subscriber.letters)],
        lifespan=lifespan,
        problems={
            InvalidAmount: (422, "invalid_amount"),
            UnknownCurrency: (422, "unknown_currency"),
            InvalidCursor: (422, "invalid_cursor"),
        },
        # The broker is not among them: money moves without it, and its state is a metric.
        ready={"database": db.probe},
    )
    app.state.db = db
    app.state.till = Till(db, outbox)
    return app


def main() -> None:
    serve(build, SERVICE, Settings)
