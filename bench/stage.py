"""Private servers with product, floor and peers on them, for one row at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from bench.floor.pipeline import Floor
from bench.product.pipeline import SPINE, Product
from bench.rig import Pipeline, Rig
from bench.spine import Spine
from shared.testing.servers import PrivatePostgres, PrivateRabbitMQ, Servers


@dataclass(frozen=True)
class Stage:
    """The servers of this run: the same for all, so that only what is above them differs."""

    postgres: PrivatePostgres
    rabbitmq: PrivateRabbitMQ

    @property
    def servers(self) -> Servers:
        return Servers(self.postgres.url, self.rabbitmq.amqp_url, self.rabbitmq.management_url)

    @asynccontextmanager
    async def rigs(
        self,
        *,
        users: int,
        tabs_each: int,
        floor: type[Spine] | type[Product] = Floor,
        peers: Sequence[type[Spine]] = (),
    ) -> AsyncIterator[list[Rig]]:
        """Product, floor, peers, each with tabs; raises at the end unless all came out that went in."""
        names = [f"bench-{number}" for number in range(users)]
        async with AsyncExitStack() as exits:
            rigs = []
            for pipeline in self.pipelines(names, [floor, *peers]):
                await exits.enter_async_context(pipeline)
                rigs.append(await exits.enter_async_context(Rig(pipeline, names, tabs_each)))
            yield rigs
            for rig in rigs:
                await rig.finish()

    async def broker_version(self) -> str:
        async with httpx.AsyncClient(base_url=self.rabbitmq.management_url, trust_env=False) as http:
            return str((await http.get("/api/overview")).json()["rabbitmq_version"])

    def pipelines(self, users: list[str], others: Sequence[type[Spine] | type[Product]]) -> list[Pipeline]:
        return [self.product(users), *(other(self.servers, users) for other in others)]

    def product(
        self,
        users: list[str],
        services: Sequence[str] = SPINE,
        settings: Mapping[str, str] | None = None,
    ) -> Product:
        return Product(self.servers, users, services, settings)

    def floor(self, users: list[str]) -> Floor:
        return Floor(self.servers, users)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    async with PrivatePostgres() as postgres, PrivateRabbitMQ() as rabbitmq:
        yield Stage(postgres, rabbitmq)
