"""Puts the monitor together and runs it; it waits for database and broker, but not for rules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import Field

from monitor.adapters.rules_file import SHIPPED
from monitor.api import activity
from monitor.consumers import subscriptions
from monitor.domain.reading import RulesRefused
from monitor.handlers.forgetting import Forgetting
from monitor.handlers.rulebook import Rulebook
from shared.db import Database
from shared.events import exchange_of
from shared.events.activity import ActivityFlagged
from shared.events.letter import LetterDiscarded
from shared.http import Keyring, Workers, create_app, serve
from shared.http.dead_letters import dead_letters
from shared.inbox import Subscriber
from shared.messaging.connection import keep_checking
from shared.messaging.topology import service_queues
from shared.outbox import Outbox
from shared.pages import InvalidCursor
from shared.settings import DatabaseSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

SERVICE = "monitor"
Works: TypeAlias = Mapping[str, Callable[[], Awaitable[None]]]
EXCHANGES = (exchange_of(ActivityFlagged.TYPE), exchange_of(LetterDiscarded.TYPE))


class Settings(DatabaseSettings):
    """Where the rules are, and how often they are looked at."""

    rules_file: Path = SHIPPED
    rules_poll_seconds: float = Field(default=2, gt=0)


def build(settings: Settings) -> FastAPI:
    """The service's app. Raises RulesRefused, and WeakKey when a token key must not be used."""
    keyring = Keyring.from_json(settings.auth_keys)
    book = Rulebook(settings.rules_file, poll_seconds=settings.rules_poll_seconds)
    db = Database(settings.database_url, application=SERVICE, pool_size=settings.database_pool_size)
    outbox = Outbox(db, settings.broker_url, SERVICE, recap_after_seconds=settings.recap_after_seconds)
    subscriber = Subscriber(outbox, db.probe, settings.broker_url, SERVICE, subscriptions(book))
    works: Works = {
        **outbox.works,
        **subscriber.works,
        "rules": book.run,
        "forgetting": Forgetting(db).run,
        "preflight": partial(
            keep_checking,
            settings.broker_url,
            SERVICE,
            exchanges=EXCHANGES,
            queues=service_queues(SERVICE),
        ),
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
            await db.close()

    return create_app(
        "Ledgerbell monitor",
        keyring=keyring,
        routers=[activity(outbox), dead_letters(SERVICE, subscriber.letters)],
        lifespan=lifespan,
        problems={InvalidCursor: (422, "invalid_cursor")},
        ready={"database": db.probe},
    )


def main() -> None:
    serve(build, SERVICE, Settings, unfit=(RulesRefused,))
