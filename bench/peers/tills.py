"""The floor's endpoint for debits and the peers', each on a database of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

import asyncpg

from bench.corner import own_database
from bench.floor import schema
from bench.floor.debit import SERVING
from bench.peers.server import uvicorn
from shared.testing.servers import Servers, free_port

PEERS = {"FOR UPDATE": "bench.peers.debit:locking_app", "SERIALIZABLE": "bench.peers.debit:serializable_app"}


class Till:
    """`async with Till(...)`: its app answers, and the users' accounts have money."""

    def __init__(self, name: str, app: str, servers: Servers, users: Sequence[str]) -> None:
        self.name = name
        self._app = app
        self._servers = servers
        self._users = users
        self._port = free_port(None)

    async def __aenter__(self) -> Self:
        slug = self.name.lower().replace(" ", "_")
        async with AsyncExitStack() as entering:
            self._url = await entering.enter_async_context(own_database(self._servers, f"bench_till_{slug}"))
            await schema.create_accounts(self._url, self._users)
            environment = {"BENCH_DATABASE_URL": self._url}
            server = uvicorn(
                f"till-{slug}", self._app, self._port, environment, *SERVING, ready="/openapi.json"
            )
            await entering.enter_async_context(server)
            self._exits = entering.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._exits.aclose()

    @property
    def credit_address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def tokens(self, users: Sequence[str]) -> dict[str, str]:
        return {user: user for user in users}

    async def booked(self) -> int:
        """How many debits are stored; raises AssertionError when the money is not what they leave."""
        database = await asyncpg.connect(self._url)
        try:
            transfers = await database.fetchval("SELECT count(*) FROM transfer")
            spent = await database.fetchval("SELECT sum(1000000000 - balance) FROM account")
        finally:
            await database.close()
        assert spent == transfers, f"{self.name}: {transfers} transfers of a cent took {spent}"
        return int(transfers)
