"""A database and a virtual host of one's own on servers that several share, gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx

from shared.testing.servers import Servers


@asynccontextmanager
async def own_database(servers: Servers, name: str) -> AsyncIterator[str]:
    """Its URL, as the administrator."""
    await _on_server(servers, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    try:
        yield f"{servers.postgres_url.rpartition('/')[0]}/{name}"
    finally:
        await _on_server(servers, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def own_virtual_host(servers: Servers, name: str) -> AsyncIterator[str]:
    """Its URL, as the administrator."""
    async with httpx.AsyncClient(base_url=servers.rabbitmq_management_url, trust_env=False) as broker:
        (await broker.put(f"/api/vhosts/{name}")).raise_for_status()
        try:
            yield f"{servers.rabbitmq_url.rpartition('/')[0]}/{name}"
        finally:
            (await broker.delete(f"/api/vhosts/{name}", timeout=60)).raise_for_status()


async def _on_server(servers: Servers, *statements: str) -> None:
    connection = await asyncpg.connect(servers.postgres_url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
