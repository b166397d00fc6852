"""The credit service in this process, on a database of its own; its broker is away unless a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest

from credit.main import Settings, build
from shared.db import Database
from shared.testing.identities import Issuer, KeyPair, auth_keys

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from fastapi import FastAPI

    from shared.db.provision import ServiceDatabase
    from shared.testing.namespace import Namespace

OPERATOR = ("operator",)
SERVICE = ("service",)


class Api:
    """The service's HTTP face, as different callers see it."""

    def __init__(self, http: httpx.AsyncClient, users: Issuer, services: Issuer) -> None:
        self.http = http
        self._users = users
        self._services = services

    async def call(
        self,
        method: str,
        path: str,
        caller: str,
        body: object = None,
        *,
        roles: Sequence[str] = ("user",),
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        issuer = self._services if "service" in roles else self._users
        sent = {"authorization": f"Bearer {issuer.token(caller, roles)}", **(headers or {})}
        if key is not None:
            sent["idempotency-key"] = key
        content = None if body is None else orjson.dumps(body)
        if content is not None:
            sent["content-type"] = "application/json"
        return await self.http.request(method, path, content=content, headers=sent)

    async def user_with(self, amount: str = "0", *, currency: str = "USD", threshold: str = "0") -> str:
        """A new user with an account that holds ``amount``."""
        user = f"user-{uuid4()}"
        body = {"currency": currency, "low_balance_threshold": threshold}
        opened = await self.call("POST", "/v1/accounts", user, body)
        assert opened.status_code == 201, opened.text
        if amount != "0":
            added = await self.add(user, amount, currency=currency)
            assert added.status_code == 201, added.text
        return user

    async def add(self, user: str, amount: str, key: str | None = None, **fields: object) -> httpx.Response:
        body = {"amount": amount, "currency": "USD", "source": "manual", "reason": "Goodwill", **fields}
        path = f"/v1/accounts/{user}/credits"
        return await self.call("POST", path, "op", body, roles=OPERATOR, key=key or str(uuid4()))

    async def debit(self, user: str, amount: str, key: str | None = None, **fields: object) -> httpx.Response:
        body = {"amount": amount, "currency": "USD", "reason": "SMS verification", **fields}
        return await self.call("POST", "/v1/accounts/me/debits", user, body, key=key or str(uuid4()))

    async def hold(
        self,
        user: str,
        amount: str,
        key: str | None = None,
        *,
        caller: str | None = None,
        roles: Sequence[str] = ("user",),
        **fields: object,
    ) -> httpx.Response:
        body = {
            "amount": amount,
            "currency": "USD",
            "reason": "SMS verification",
            "expires_in_seconds": 600,
            **fields,
        }
        path = f"/v1/accounts/{user}/holds"
        return await self.call("POST", path, caller or user, body, roles=roles, key=key or str(uuid4()))

    async def end(
        self, hold_id: str, how: str, caller: str, key: str | None = None, roles: Sequence[str] = ("user",)
    ) -> httpx.Response:
        """``how`` is post or void."""
        return await self.call(
            "POST", f"/v1/holds/{hold_id}/{how}", caller, roles=roles, key=key or str(uuid4())
        )

    async def balance(self, user: str, currency: str = "USD") -> dict[str, object]:
        answer = await self.call("GET", "/v1/accounts/me", user)
        accounts: list[dict[str, object]] = answer.json()["accounts"]
        return next(account for account in accounts if account["currency"] == currency)


class Ledger:
    """A look into the database, as the service's own role."""

    def __init__(self, connection: Connection[Record]) -> None:
        self.connection = connection

    async def events(self, user: str) -> list[Record]:
        """The user's events, in the order in which they occurred."""
        return await self.connection.fetch(
            "SELECT *, data::text AS text FROM outbox WHERE user_id = $1 ORDER BY occurred_at, id", user
        )

    async def types(self, user: str) -> list[str]:
        return [row["type"] for row in await self.events(user)]

    async def sum_of_entries(self, user: str) -> int:
        total = await self.connection.fetchval(
            "SELECT coalesce(sum(amount_minor), 0)::bigint FROM entry WHERE user_id = $1", user
        )
        return int(total)


@pytest.fixture(scope="session")
def users() -> Issuer:
    return Issuer(KeyPair.generate())


@pytest.fixture(scope="session")
def services() -> Issuer:
    return Issuer(KeyPair.generate(), kid="verification")


@pytest.fixture(scope="session")
async def database(namespace: Namespace) -> ServiceDatabase:
    return await namespace.database("credit", "credit.adapters.migrations")


@pytest.fixture(scope="session")
def settings(database: ServiceDatabase, users: Issuer, services: Issuer) -> Settings:
    """With a broker URL where nobody listens: what these tests do, they do without a broker."""
    return Settings(
        database_url=database.url,
        broker_url="amqp://credit:none@127.0.0.1:1/none",
        auth_keys=auth_keys(users.key(), services.pair.verifier(services.kid, SERVICE)),
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = build(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def api(app: FastAPI, users: Issuer, services: Issuer) -> AsyncIterator[Api]:
    # As behind a real server, what goes wrong inside is an answer and not an exception here.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://credit") as http:
        yield Api(http, users, services)


@pytest.fixture(scope="session")
async def db(database: ServiceDatabase) -> AsyncIterator[Database]:
    db = Database(database.url, application="test")
    await db.connect()
    yield db
    await db.close()


@pytest.fixture
async def ledger(database: ServiceDatabase) -> AsyncIterator[Ledger]:
    connection = await asyncpg.connect(database.url)
    yield Ledger(connection)
    await connection.close()


@pytest.fixture
async def owner(database: ServiceDatabase) -> AsyncIterator[Connection[Record]]:
    """A connection of the role that owns the schema."""
    connection = await asyncpg.connect(database.migration_url)
    yield connection
    await connection.close()
