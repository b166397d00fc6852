"""Verification beside the real credit service, both in this process; its provider is a fake."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest

from credit.main import Settings as CreditSettings
from credit.main import build as build_credit
from services.verification.tests.bench import WHATSAPP, Api, Bench, Books
from shared.http import Keyring, create_app
from shared.testing.identities import Issuer, KeyPair, auth_keys
from verification.adapters.providers.fake import FakeProvider
from verification.api import verifications, webhook_router
from verification.domain.services import Assortment
from verification.handlers.requesting import Requesting
from verification.main import Settings, named, trade_of

if TYPE_CHECKING:
    from pathlib import Path

    from shared.db.provision import ServiceDatabase
    from shared.testing.namespace import Namespace

NOWHERE = "amqp://none:none@127.0.0.1:1/none"


@pytest.fixture(scope="session")
def users() -> Issuer:
    return Issuer(KeyPair.generate())


@pytest.fixture(scope="session")
def service_pair() -> KeyPair:
    return KeyPair.generate()


@pytest.fixture(scope="session")
async def database(namespace: Namespace) -> ServiceDatabase:
    return await namespace.database("verification", "verification.adapters.migrations")


@pytest.fixture(scope="session")
async def credit_settings(namespace: Namespace, users: Issuer, service_pair: KeyPair) -> CreditSettings:
    made = await namespace.database("credit", "credit.adapters.migrations")
    keys = auth_keys(users.key(), service_pair.verifier("verification", ["service"]))
    return CreditSettings(database_url=made.url, broker_url=NOWHERE, auth_keys=keys)


@pytest.fixture(scope="session")
async def credit_app(credit_settings: CreditSettings) -> AsyncIterator[Any]:
    app = build_credit(credit_settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def credit_http(credit_app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(credit_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
        yield http


@pytest.fixture(scope="session")
def services_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is sold in tests: the fake and the sandbox deliver the same."""
    path = tmp_path_factory.mktemp("services") / "services.json"
    products = {"fake": "whatsapp", "sandbox": "whatsapp"}
    entries = [
        {"key": "whatsapp", "name": "WhatsApp", "price": "1.00", "currency": "USD", "products": products},
        {"key": "line", "name": "LINE", "price": "1.20", "currency": "USD", "products": {"sandbox": "line"}},
    ]
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture(scope="session")
def verification_settings(
    database: ServiceDatabase, users: Issuer, service_pair: KeyPair, services_file: Path
) -> Settings:
    return Settings(
        database_url=database.url,
        broker_url=NOWHERE,
        auth_keys=auth_keys(users.key()),
        credit_url="http://credit",
        service_key=service_pair.private,
        services_file=services_file,
    )


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
async def bench(
    verification_settings: Settings, provider: FakeProvider, credit_http: httpx.AsyncClient, books: Books
) -> AsyncIterator[Bench]:
    """The use cases without their workers: each step is taken by the test."""
    trade, _ = trade_of(verification_settings, named([provider]), credit_http)
    await trade.db.connect()
    yield Bench(trade, provider, books)
    await trade.db.close()


@pytest.fixture(scope="session")
async def books(
    database: ServiceDatabase, credit_settings: CreditSettings, credit_http: httpx.AsyncClient, users: Issuer
) -> AsyncIterator[Books]:
    ours = await asyncpg.create_pool(database.url, min_size=1, max_size=5)
    credits = await asyncpg.connect(credit_settings.database_url)
    yield Books(ours, credits, credit_http, users)
    await ours.close()
    await credits.close()


@pytest.fixture
async def api(bench: Bench, verification_settings: Settings, users: Issuer) -> AsyncIterator[Api]:
    assortment = Assortment([WHATSAPP], bench.trade.providers)
    routers = [
        verifications(bench.trade, assortment, Requesting(bench.trade, verification_settings.max_active)),
        webhook_router(bench.trade, bench.trade.nudge),
    ]
    app = create_app(
        "verification",
        keyring=Keyring.from_json(verification_settings.auth_keys),
        routers=routers,
        lifespan=_nothing_works,
        ready={},
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://verification") as http:
        yield Api(http, users)


@asynccontextmanager
async def _nothing_works(_: object) -> AsyncIterator[None]:
    yield
