"""The payment service in this process, on a database of its own; its broker is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest

import credit.main
from payment.adapters.providers import Providers
from payment.adapters.providers.fake import FakeProvider
from payment.main import Settings, assemble
from services.payment.tests.desk import NOWHERE, Api, CreditBooks, Desk
from shared.db import Database
from shared.http.auth import ServiceToken
from shared.http.credit import Credit
from shared.outbox import Outbox
from shared.testing.identities import Issuer, KeyPair, auth_keys

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from shared.db.provision import ServiceDatabase
    from shared.testing.namespace import Namespace


@pytest.fixture(scope="session")
def users() -> Issuer:
    return Issuer(KeyPair.generate())


@pytest.fixture(scope="session")
def service_key() -> KeyPair:
    return KeyPair.generate()


@pytest.fixture(scope="session")
async def database(namespace: Namespace) -> ServiceDatabase:
    return await namespace.database("payment", "payment.adapters.migrations")


@pytest.fixture(scope="session")
async def books(namespace: Namespace, users: Issuer, service_key: KeyPair) -> AsyncIterator[CreditBooks]:
    made = await namespace.database("credit", "credit.adapters.migrations")
    keys = auth_keys(users.key(), service_key.verifier("payment", ("service",)))
    settings = credit.main.Settings(database_url=made.url, broker_url=NOWHERE, auth_keys=keys)
    app = credit.main.build(settings)
    db = Database(made.url, application="test")
    await db.connect()
    async with app.router.lifespan_context(app):
        yield CreditBooks(app, db, Outbox(db, NOWHERE, "credit"), users)
    await db.close()


@pytest.fixture(scope="session")
async def ledger(books: CreditBooks, service_key: KeyPair) -> AsyncIterator[Credit]:
    transport = httpx.ASGITransport(books.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
        yield Credit(http, ServiceToken("payment", service_key.private))


@pytest.fixture(scope="session")
async def db(database: ServiceDatabase) -> AsyncIterator[Database]:
    db = Database(database.url, application="test")
    await db.connect()
    yield db
    await db.close()


@pytest.fixture
def desk(db: Database, database: ServiceDatabase, ledger: Credit) -> Desk:
    return Desk(db, Outbox(db, NOWHERE, "payment"), ledger, FakeProvider(), database.migration_url)


@pytest.fixture
async def owner(database: ServiceDatabase) -> AsyncIterator[Connection[Record]]:
    """A connection of the role that owns the schema."""
    connection = await asyncpg.connect(database.migration_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def settings(database: ServiceDatabase, users: Issuer, service_key: KeyPair) -> Settings:
    """With a broker URL where nobody listens: what these tests do, they do without a broker."""
    return Settings(
        database_url=database.url,
        broker_url=NOWHERE,
        auth_keys=auth_keys(users.key()),
        credit_url="http://127.0.0.1:1",
        service_key=service_key.private,
    )


@pytest.fixture
async def api(settings: Settings, users: Issuer) -> AsyncIterator[Api]:
    """The running service with all its workers, and a fresh provider."""
    provider = FakeProvider()
    app = assemble(settings, Providers({provider.name: provider}))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://payment") as http,
    ):
        yield Api(http, users, provider)
