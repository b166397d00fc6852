"""A run's own corner of the servers: databases, roles, a virtual host and its users, gone afterwards."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from shared.db.database import AnyConnection
from shared.db.migrations import upgrade
from shared.db.provision import ServiceDatabase, provision
from shared.messaging import topology
from shared.testing.servers import Servers

DROP_SECONDS, DROP_TRIES = 20, 3


@dataclass(frozen=True, slots=True)
class Namespace:
    """Everything in it is named after ``name``, so that runs cannot meet."""

    servers: Servers
    name: str
    password: str

    async def database(self, service: str, migrations: str) -> ServiceDatabase:
        """The service's migrated database."""
        made = await provision(
            self.servers.postgres_url,
            service,
            database=f"{self.name}_{service}",
            role_prefix=f"{self.name}_",
            password=self.password,
            owner_password=self.password,
        )
        await asyncio.to_thread(upgrade, made.migration_url, migrations)
        return made

    def broker_url(self, service: str) -> str:
        """The virtual host, as this service's user."""
        return self._amqp(f"{self.name}-{service}:{self.password}")

    @property
    def admin_broker_url(self) -> str:
        """The virtual host, as the administrator."""
        return self._amqp(urlsplit(self.servers.rabbitmq_url).netloc.rpartition("@")[0])

    def _amqp(self, credentials: str) -> str:
        host = urlsplit(self.servers.rabbitmq_url).netloc.rpartition("@")[2]
        return f"amqp://{credentials}@{host}/{self.name}"

    async def apply_topology(self) -> None:
        passwords = dict.fromkeys(topology.PERMISSIONS, self.password)
        await asyncio.to_thread(
            topology.apply,
            self.servers.rabbitmq_management_url,
            self.name,
            passwords,
            user_prefix=f"{self.name}-",
        )


@asynccontextmanager
async def namespace(servers: Servers) -> AsyncIterator[Namespace]:
    """A fresh namespace with its topology applied; databases come as they are asked for."""
    corner = Namespace(servers, f"t{secrets.token_hex(4)}", secrets.token_hex(16))
    await corner.apply_topology()
    try:
        yield corner
    finally:
        await remove(corner)


async def remove(corner: Namespace) -> None:
    """Delete everything that is named after it."""
    await asyncio.to_thread(
        topology.remove,
        corner.servers.rabbitmq_management_url,
        corner.name,
        user_prefix=f"{corner.name}-",
    )
    admin = await asyncpg.connect(corner.servers.postgres_url)
    try:
        ours = f"{corner.name}\\_%"
        for row in await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", ours):
            await _drop(admin, row["datname"])
        for row in await admin.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE $1", ours):
            await admin.execute(f'DROP ROLE "{row["rolname"]}"')
    finally:
        await admin.close()


async def _drop(admin: AnyConnection, database: str) -> None:
    """Asked again where it takes long: the end of a module was seen to hang hereabouts, why is not known."""
    for left in reversed(range(DROP_TRIES)):
        try:
            await admin.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', timeout=DROP_SECONDS)
        except TimeoutError:
            if not left:
                raise
        else:
            return
