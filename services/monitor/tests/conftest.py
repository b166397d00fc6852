"""The monitor on a database of its own; what it does here it does without a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from monitor.main import Settings, build
from services.monitor.tests.desk import NOWHERE, Desk
from shared.db import Database
from shared.testing.identities import Issuer, KeyPair, auth_keys

if TYPE_CHECKING:
    from shared.db.provision import ServiceDatabase
    from shared.testing.namespace import Namespace


@pytest.fixture(scope="session")
def users() -> Issuer:
    return Issuer(KeyPair.generate())


@pytest.fixture(scope="session")
async def database(namespace: Namespace) -> ServiceDatabase:
    return await namespace.database("monitor", "monitor.adapters.migrations")


@pytest.fixture(scope="session")
def settings(database: ServiceDatabase, users: Issuer) -> Settings:
    return Settings(
        database_url=database.url, broker_url=NOWHERE, auth_keys=auth_keys(users.key()), rules_poll_seconds=60
    )


@pytest.fixture(scope="session")
async def desk(database: ServiceDatabase) -> AsyncIterator[Desk]:
    db = Database(database.url, application="tests")
    await db.connect()
    yield Desk(db)
    await db.close()


@pytest.fixture
async def replica(database: ServiceDatabase) -> AsyncIterator[Desk]:
    """Another process, to all that the database can tell."""
    db = Database(database.url, application="tests")
    await db.connect()
    yield Desk(db)
    await db.close()


@pytest.fixture(scope="session")
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = build(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://monitor") as client,
    ):
        yield client


@pytest.fixture
def user() -> str:
    return f"user-{uuid4()}"
