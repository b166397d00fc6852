"""A pipeline of three processes that are not the product's: writer, notifier, gateway, and its own corner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

import asyncpg

from bench.child import Child
from bench.config import Config
from bench.corner import own_database, own_virtual_host
from bench.tabs import Gateway
from shared.testing.servers import Servers, free_port


class Part(Protocol):
    """One process, running while it is entered."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def pid(self) -> int: ...

    def check_alive(self) -> None:
        """Raises when the process has ended."""

    async def stop(self) -> None: ...


class Spine:
    """`async with`: tables and accounts with money are there, and the three processes are up.

    Its database has tables `transfer` and `notification`, whatever else there is.
    """

    name: str
    writer: Child
    notifier: Part
    gateway: Part
    config: Config

    def __init__(self, servers: Servers, users: Sequence[str]) -> None:
        self._servers = servers
        self._users = list(users)
        self._exits = AsyncExitStack()

    # ------------------------------------------------------------------------ what differs

    async def create(self, config: Config, users: Sequence[str]) -> None:
        """Makes tables, funded accounts and broker objects, from nothing."""
        raise NotImplementedError

    def make_writer(self, config: Config) -> Child:
        raise NotImplementedError

    def make_notifier(self, config: Config) -> Part:
        raise NotImplementedError

    def make_gateway(self, config: Config) -> Part:
        raise NotImplementedError

    def entrance(self) -> Gateway:
        return Gateway("127.0.0.1", self.config.port, "/tabs/{user}")

    # ------------------------------------------------------------------------ what does not

    async def __aenter__(self) -> Self:
        corner = "bench_" + re.sub(r"\W+", "_", self.name.lower())
        async with AsyncExitStack() as entering:
            self.config = Config(
                await entering.enter_async_context(own_database(self._servers, corner)),
                await entering.enter_async_context(own_virtual_host(self._servers, corner)),
                free_port(None),
            )
            await self.create(self.config, self._users)
            self.gateway = await entering.enter_async_context(self.make_gateway(self.config))
            self.notifier = await entering.enter_async_context(self.make_notifier(self.config))
            self.writer = await entering.enter_async_context(self.make_writer(self.config))
            self._exits = entering.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._exits.aclose()

    @property
    def gateway_pid(self) -> int:
        return self.gateway.pid

    @property
    def pids(self) -> dict[str, int]:
        return {"writer": self.writer.pid, "notifier": self.notifier.pid, "gateway": self.gateway.pid}

    def tokens(self, users: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(users, "")

    async def fresh_gateway(self) -> None:
        await self.gateway.stop()
        self.gateway = await self._exits.enter_async_context(self.make_gateway(self.config))

    async def stop_notifier(self) -> None:
        await self.notifier.stop()

    async def start_notifier(self) -> None:
        self.notifier = await self._exits.enter_async_context(self.make_notifier(self.config))

    async def check(self, debits: int) -> None:
        """Raises AssertionError unless each debit has its one notification."""
        for part in (self.writer, self.notifier, self.gateway):
            part.check_alive()
        connection = await asyncpg.connect(self.config.database_url)
        try:
            stored = await connection.fetchval("SELECT count(DISTINCT transfer_id) FROM notification")
            transfers = await connection.fetchval("SELECT count(*) FROM transfer")
        finally:
            await connection.close()
        assert stored == transfers == debits, f"{debits} debits, {transfers} stored, {stored} notified"
