"""Puts the refund service together and runs it; it starts, and waits, without database, broker or credit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import httpx
from pydantic import Field

from refund.adapters import tables
from refund.api import refunds
from refund.consumers import subscriptions
from refund.domain.pace import Pace
from refund.handlers.errands import ErrandRunner
from refund.handlers.watch import StuckWatch
from shared.db import Database
from shared.db.errands import Errands
from shared.events import exchange_of
from shared.events.letter import LetterDiscarded
from shared.events.refund import RefundInitiated
from shared.http import Keyring, Workers, create_app, serve
from shared.http.auth import ServiceToken
from shared.http.credit import Credit, credit_client
from shared.http.dead_letters import dead_letters
from shared.inbox import RepairRequests, Subscriber, tell_kept
from shared.messaging.connection import keep_checking
from shared.messaging.topology import coverage_queue, service_queues
from shared.money import InvalidAmount
from shared.outbox import Outbox
from shared.pace import JANITOR_SECONDS
from shared.pages import InvalidCursor
from shared.settings import DatabaseSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

SERVICE = "refund"
Works: TypeAlias = Mapping[str, Callable[[], Awaitable[None]]]
EXCHANGES = (exchange_of(RefundInitiated.TYPE), exchange_of(LetterDiscarded.TYPE))


class Settings(DatabaseSettings):
    """Where credit is, our own signing key, and how long things take."""

    credit_url: str
    service_key: str = Field(repr=False)
    grace_seconds: float = Field(default=10, ge=0)
    janitor_steps_seconds: tuple[float, ...] = Field(default=JANITOR_SECONDS, min_length=1)

    @property
    def pace(self) -> Pace:
        return Pace(grace=self.grace_seconds, steps=self.janitor_steps_seconds)


def build(settings: Settings, *, credit_transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The service's app. Raises WeakKey when a token key must not be used."""
    keyring = Keyring.from_json(settings.auth_keys)
    pace = settings.pace
    db = Database(settings.database_url, application=SERVICE, pool_size=settings.database_pool_size)
    outbox = Outbox(db, settings.broker_url, SERVICE, recap_after_seconds=settings.recap_after_seconds)
    http = credit_client(settings.credit_url, transport=credit_transport)
    credit = Credit(http, ServiceToken(SERVICE, settings.service_key))
    errands = Errands(db, tables.refund, ErrandRunner(outbox, credit, pace).do)
    subscriber = Subscriber(
        outbox, db.probe, settings.broker_url, SERVICE, subscriptions(pace), handled=errands.nudge
    )
    requests = RepairRequests(outbox, db.probe, settings.broker_url, SERVICE, tell_kept)
    queues = (*service_queues(SERVICE), coverage_queue(SERVICE))
    preflight = partial(keep_checking, settings.broker_url, SERVICE, exchanges=EXCHANGES, queues=queues)
    works: Works = {
        **outbox.works,
        **subscriber.works,
        **requests.works,
        "errands": errands.run,
        "stuck-watch": StuckWatch(db, pace).run,
        "preflight": preflight,
    }
    workers = Workers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await db.connect()
        for name, work in works.items():
            workers.start(name, work)
        try:
            yield
        finally:
            await workers.stop()
            await http.aclose()
            await db.close()

    return create_app(
        "Ledgerbell refund",
        keyring=keyring,
        routers=[refunds(outbox, credit, pace, errands.nudge), dead_letters(SERVICE, subscriber.letters)],
        lifespan=lifespan,
        problems={InvalidAmount: (422, "invalid_amount"), InvalidCursor: (422, "invalid_cursor")},
        # Neither the broker nor credit is among them: what is under way goes on, or waits, without them.
        ready={"database": db.probe},
    )


def main() -> None:
    serve(build, SERVICE, Settings)
