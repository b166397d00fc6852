"""The product, running: every service as its own process, a writer that uses credit's code, and its tabs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import asyncpg

from bench.child import Child
from bench.product.writer import Config
from bench.tabs import Gateway
from ledgerbell.stack import Adapt, Stack, as_it_is
from shared.testing.servers import Servers

FOLDER = Path(".local/bench")
# One client plays thousands of tabs: the caps that protect a real gateway from that are raised.
SETTINGS = {"sockets_per_user": "10000", "sockets_per_address": "20000"}
STORED_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.1
SPINE = ("credit", "notifier", "ws-gateway")  # What a debit passes.


class Product:
    """`async with Product(...)`: all services are ready, and the users' accounts have money."""

    name = "product"
    adapt: Adapt = staticmethod(as_it_is)
    writer: Child

    def __init__(
        self,
        servers: Servers,
        users: Sequence[str],
        services: Sequence[str] = SPINE,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._servers = servers
        self._services = services
        self._settings = {**SETTINGS, **(settings or {})}
        self._users = list(users)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Product:
        async with AsyncExitStack() as entering:
            log = entering.enter_context(_open_log(self.name))
            self._stack = await entering.enter_async_context(
                Stack(
                    self._servers,
                    FOLDER / self.name,
                    name=self.name,
                    temporary=True,
                    services=self._services,
                    settings=self._settings,
                    adapt=self.adapt,
                    log=log,
                )
            )
            config = Config(self._stack.database_url("credit"), self._stack.corner.broker_url("credit"))
            self.writer = await entering.enter_async_context(Child("bench.product.writer", asdict(config)))
            await self.fund(self._users)
            self._exits = entering.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._exits.aclose()

    @property
    def gateway_pid(self) -> int:
        return self._stack.supervisor.pid("ws-gateway")

    @property
    def pids(self) -> dict[str, int]:
        return {
            "writer": self.writer.pid,
            "notifier": self._stack.supervisor.pid("notifier"),
            "gateway": self.gateway_pid,
        }

    @property
    def stack(self) -> Stack:
        return self._stack

    @property
    def credit_address(self) -> tuple[str, int]:
        return _address(self._stack.credit_url)

    def entrance(self) -> Gateway:
        host, port = _address(self._stack.gateway_url)
        return Gateway(host, port, "/v1/ws", origin=self._stack.gateway_url, tickets=True, acknowledged=True)

    def tokens(self, users: Sequence[str]) -> dict[str, str]:
        return {user: self._stack.token(user) for user in users}

    async def fresh_gateway(self) -> None:
        await self._stack.supervisor.stop("ws-gateway")
        await self._stack.supervisor.start("ws-gateway")

    async def stop_notifier(self) -> None:
        await self._stack.supervisor.stop("notifier")

    async def start_notifier(self) -> None:
        await self._stack.supervisor.start("notifier")

    async def fund(self, users: Sequence[str]) -> None:
        """Opens and fills accounts; returns once that is told, if the notifier runs."""
        await self.writer.ask("fund", users=users)
        if "notifier" in self._services:
            await self._until_stored("credit.added", len(users))

    async def booked(self) -> int:
        """How many debits are in the ledger."""
        credit = await asyncpg.connect(self._stack.database_url("credit"))
        try:
            return int(await credit.fetchval("SELECT count(*) FROM transfer WHERE kind = 'deduction'"))
        finally:
            await credit.close()

    async def check(self, debits: int) -> None:
        """Waits for the notifications; raises AssertionError when there are more or fewer than debits."""
        self.writer.check_alive()
        booked = await self.booked()
        assert booked == debits, f"{debits} debits were accepted, {booked} are booked"
        await self._until_stored("credit.deducted", debits)

    async def _until_stored(self, kind: str, wanted: int) -> None:
        notifier = await asyncpg.connect(self._stack.database_url("notifier"))
        count = "SELECT count(*), count(DISTINCT transfer_id) FROM notification WHERE kind = $1"
        stored, different = 0, 0
        try:
            async with asyncio.timeout(STORED_SECONDS):
                while stored < wanted:
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
                    stored, different = await notifier.fetchrow(count, kind) or (0, 0)
        except TimeoutError:
            raise AssertionError(f"{wanted} events {kind}, {stored} notifications") from None
        finally:
            await notifier.close()
        assert stored == different == wanted, f"{wanted} events {kind}, {stored} ({different}) notifications"


def _open_log(name: str) -> TextIO:
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    return (FOLDER / f"{name}.log").open("w")


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
