"""Puts the credit service together and runs it; it starts, and waits, without database or broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from credit.api import ROUTERS
from credit.api.till import Till
from credit.domain.cursor import InvalidCursor
from credit.handlers.workers import HoldExpiry, KeyCleanup
from shared.db import Database
from shared.events import exchange_of
from shared.events.credit import CreditDeducted
from shared.http import Keyring, Workers, create_app, serve
from shared.messaging import MissingBrokerObject, Publisher
from shared.messaging.connection import AWAY, preflight
from shared.money import InvalidAmount, UnknownCurrency
from shared.observability.logs import get_logger
from shared.outbox import DirectPublisher, Relay
from shared.settings import DatabaseSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

log = get_logger(__name__)

SOURCE = "credit"
EXCHANGE = exchange_of(CreditDeducted.TYPE)
CHECK_AGAIN_SECONDS = 60.0
TRY_AGAIN_SECONDS = 5.0

BROKER_LINKED = Gauge("credit_broker_linked", "1 while there is a connection to publish on.")
EXCHANGE_MISSING = Gauge("credit_exchange_missing", "1 while the exchange to publish to does not exist.")


class Settings(DatabaseSettings):
    """Nothing beyond what every service with a database reads."""


def build(settings: Settings) -> FastAPI:
    """The service's app. Raises WeakKey when a token key must not be used."""
    keyring = Keyring.from_json(settings.auth_keys)
    db = Database(settings.database_url, application=SOURCE, pool_size=settings.database_pool_size)
    publisher = Publisher(settings.broker_url, "credit.publisher")
    direct = DirectPublisher(db, publisher, SOURCE)
    relay = Relay(db, publisher, SOURCE)
    expiry = HoldExpiry(db, direct)
    cleanup = KeyCleanup(db)
    workers = Workers()
    BROKER_LINKED.set_function(lambda: float(publisher.linked.is_set()))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.connect()
        workers.start("publisher", publisher.run)
        workers.start("direct-publisher", direct.run)
        workers.start("relay", relay.run)
        workers.start("hold-expiry", expiry.run)
        workers.start("key-cleanup", cleanup.run)
        workers.start("preflight", lambda: check_exchange(settings.broker_url))
        try:
            yield
        finally:
            await workers.stop()
            await db.close()

    app = create_app(
        "credit",
        keyring=keyring,
        routers=ROUTERS,
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
    app.state.till = Till(db, direct)
    return app


async def check_exchange(broker_url: str) -> None:
    """Look again and again, so that an exchange that is missing, or goes missing, is named in the log."""
    while True:
        try:
            await preflight(broker_url, SOURCE, exchanges=(EXCHANGE,))
        except MissingBrokerObject as missing:
            EXCHANGE_MISSING.set(1)
            log.critical("broker.object_missing", missing=str(missing))
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        except AWAY as error:
            log.warning("broker.preflight_failed", error=repr(error))
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        else:
            EXCHANGE_MISSING.set(0)
            await asyncio.sleep(CHECK_AGAIN_SECONDS)


def main() -> None:
    settings = Settings()
    serve(build(settings), SOURCE, settings)
