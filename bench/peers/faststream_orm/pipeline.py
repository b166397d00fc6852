"""FastStream and the ORM, running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from faststream.rabbit import RabbitBroker
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from bench.child import Child
from bench.config import Config
from bench.peers.faststream_orm.events import EVENTS, NOTIFICATIONS
from bench.peers.faststream_orm.models import Account, Base, Stream, alchemy_url
from bench.peers.server import uvicorn
from bench.spine import Part, Spine
from bench.tabs import Gateway
from shared.testing.servers import free_port

FUNDS = 1_000_000_000


class FastStreamOrm(Spine):
    """Three processes, as the floor has: only what is in them differs."""

    name = "FastStream + ORM"

    async def create(self, config: Config, users: Sequence[str]) -> None:
        engine = create_async_engine(alchemy_url(config.database_url))
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session, session.begin():
            session.add_all(Account(user_id=user, balance=FUNDS) for user in users)
            session.add_all(Stream(user_id=user) for user in users)
        await engine.dispose()
        async with RabbitBroker(config.broker_url, logger=None) as broker:
            for exchange in (EVENTS, NOTIFICATIONS):
                await broker.declare_exchange(exchange)

    def entrance(self) -> Gateway:
        # Several messages are worked on at once, here and in the notifier.
        return Gateway("127.0.0.1", self.config.port, "/tabs/{user}", in_order=False)

    def make_writer(self, config: Config) -> Child:
        return Child("bench.peers.faststream_orm.writer", asdict(config))

    def make_notifier(self, config: Config) -> Part:
        return self._served("notifier", config, free_port(None), ready="/health")

    def make_gateway(self, config: Config) -> Part:
        return self._served("gateway", config, config.port, ready="/openapi.json")

    def _served(self, name: str, config: Config, port: int, ready: str) -> Part:
        environment = {
            "BENCH_DATABASE_URL": alchemy_url(config.database_url),
            "BENCH_BROKER_URL": config.broker_url,
        }
        app = f"bench.peers.faststream_orm.{name}:app"
        return uvicorn(f"faststream-{name}", app, port, environment, ready=ready)
