"""The refund service's use cases beside the real credit service, in this process, on their databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from credit.main import Settings as CreditSettings
from credit.main import build as build_credit
from refund.main import Settings
from services.refund.tests.bench import NOWHERE, Bench, Callers, open_bench
from services.refund.tests.payments import PaymentDesk
from shared.db import Database
from shared.outbox import Outbox
from shared.testing.identities import Issuer, KeyPair

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from shared.db.provision import ServiceDatabase
    from shared.testing.namespace import Namespace


@pytest.fixture(scope="session")
def callers() -> Callers:
    return Callers(Issuer(KeyPair.generate()), Issuer(KeyPair.generate(), kid="refund"))


@pytest.fixture(scope="session")
async def database(namespace: Namespace) -> ServiceDatabase:
    return await namespace.database("refund", "refund.adapters.migrations")


@pytest.fixture(scope="session")
async def credit_settings(namespace: Namespace, callers: Callers) -> CreditSettings:
    made = await namespace.database("credit", "credit.adapters.migrations")
    return CreditSettings(database_url=made.url, broker_url=NOWHERE, auth_keys=callers.keys())


@pytest.fixture(scope="session")
def settings(database: ServiceDatabase, callers: Callers) -> Settings:
    """With a broker where nobody listens: what these tests do, they do without one."""
    return Settings(
        database_url=database.url,
        broker_url=NOWHERE,
        auth_keys=callers.keys(),
        credit_url="http://credit",
        service_key=callers.services.pair.private,
    )


@pytest.fixture(scope="session")
async def credit_app(credit_settings: CreditSettings) -> AsyncIterator[Any]:
    app = build_credit(credit_settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def opened(
    settings: Settings, credit_settings: CreditSettings, credit_app: Any, callers: Callers
) -> AsyncIterator[Bench]:
    async with open_bench(settings, credit_settings, credit_app, callers) as bench:
        yield bench


@pytest.fixture
def bench(opened: Bench) -> Bench:
    """Without workers: each step is taken by the test."""
    opened.line.mend()
    return opened


@pytest.fixture
async def payments(namespace: Namespace) -> AsyncIterator[PaymentDesk]:
    made = await namespace.database("payment", "payment.adapters.migrations")
    db = Database(made.url, application="tests")
    await db.connect()
    yield PaymentDesk(Outbox(db, NOWHERE, "payment"))
    await db.close()


@pytest.fixture
async def owner(database: ServiceDatabase) -> AsyncIterator[Connection[Record]]:
    """A connection of the role that owns the schema."""
    connection = await asyncpg.connect(database.migration_url)
    yield connection
    await connection.close()
