"""Private servers with product and floor on them, for one row at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from bench.floor.pipeline import Floor
from bench.product.pipeline import SPINE, Product
from bench.rig import Rig
from shared.testing.servers import PrivatePostgres, PrivateRabbitMQ, Servers


@dataclass(frozen=True)
class Stage:
    """The servers of this run: the same for both, so that only what is above them differs."""

    postgres: PrivatePostgres
    rabbitmq: PrivateRabbitMQ

    @asynccontextmanager
    async def rigs(self, *, users: int, tabs_each: int) -> AsyncIterator[tuple[Rig, Rig]]:
        """Product and floor with tabs open; raises at the end unless all they were given came out, once."""
        names = [f"bench-{number}" for number in range(users)]
        async with AsyncExitStack() as exits:
            rigs = []
            for pipeline in (self.product(names), self.floor(names)):
                await exits.enter_async_context(pipeline)
                rigs.append(await exits.enter_async_context(Rig(pipeline, names, tabs_each)))
            yield rigs[0], rigs[1]
            for rig in rigs:
                await rig.finish()

    async def broker_version(self) -> str:
        async with httpx.AsyncClient(base_url=self.rabbitmq.management_url, trust_env=False) as http:
            return str((await http.get("/api/overview")).json()["rabbitmq_version"])

    def product(self, users: list[str], services: Sequence[str] = SPINE) -> Product:
        servers = Servers(self.postgres.url, self.rabbitmq.amqp_url, self.rabbitmq.management_url)
        return Product(servers, users, services)

    def floor(self, users: list[str]) -> Floor:
        return Floor(self.postgres.url, self.rabbitmq.amqp_url, users)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    async with PrivatePostgres() as postgres, PrivateRabbitMQ() as rabbitmq:
        yield Stage(postgres, rabbitmq)
