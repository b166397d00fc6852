"""The floor, running: its own database and broker objects, its three processes, and its tabs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict

import asyncpg

from bench.child import Child
from bench.floor import schema
from bench.tabs import Gateway
from shared.testing.servers import free_port

DATABASE = "bench_floor"


class Floor:
    """`async with Floor(...)`: writer, notifier and gateway are up, accounts have money."""

    name = "floor"
    writer: Child
    notifier: Child
    gateway: Child

    def __init__(self, postgres_url: str, rabbitmq_url: str, users: Sequence[str]) -> None:
        base, _, _ = postgres_url.rpartition("/")
        self._admin_url = postgres_url
        self._config = schema.Config(f"{base}/{DATABASE}", rabbitmq_url, free_port(None))
        self._users = list(users)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Floor:
        await self._on_server(
            f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}"
        )
        self._exits.push_async_callback(self._on_server, f"DROP DATABASE {DATABASE} WITH (FORCE)")
        try:
            await schema.create(self._config, self._users)
            self._exits.push_async_callback(schema.drop, self._config)
            self.gateway = await self._start("gateway")
            self.notifier = await self._start("notifier")
            self.writer = await self._start("writer")
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._exits.aclose()

    @property
    def gateway_pid(self) -> int:
        return self.gateway.pid

    @property
    def pids(self) -> dict[str, int]:
        return {"writer": self.writer.pid, "notifier": self.notifier.pid, "gateway": self.gateway.pid}

    def entrance(self) -> Gateway:
        return Gateway("127.0.0.1", self._config.port, "/tabs/{user}")

    def tokens(self, users: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(users, "")

    async def fresh_gateway(self) -> None:
        await self.gateway.stop()
        self.gateway = await self._start("gateway")

    async def check(self, debits: int) -> None:
        """Raises AssertionError unless each debit has its one notification and nothing waits."""
        for child in (self.writer, self.notifier, self.gateway):
            child.check_alive()
        connection = await asyncpg.connect(self._config.database_url)
        try:
            stored = await connection.fetchval("SELECT count(DISTINCT transfer_id) FROM notification")
            transfers = await connection.fetchval("SELECT count(*) FROM transfer")
        finally:
            await connection.close()
        assert stored == transfers == debits, f"{debits} debits, {transfers} stored, {stored} notified"

    async def _start(self, name: str) -> Child:
        return await self._exits.enter_async_context(Child(f"bench.floor.{name}", asdict(self._config)))

    async def _on_server(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._admin_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
