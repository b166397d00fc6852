"""PostgreSQL and RabbitMQ as throw-away containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from testcontainers.core.container import DockerContainer

from shared.testing.servers.folder import secret
from shared.testing.servers.readiness import postgres_answers, rabbitmq_answers, until_ready
from shared.testing.servers.urls import Servers

POSTGRES_IMAGE = "postgres:17"
RABBITMQ_IMAGE = "rabbitmq:4.0-management"
USER = "ledgerbell"
_READY_SECONDS = 120


@asynccontextmanager
async def container_servers() -> AsyncIterator[Servers]:
    """One container of each, removed afterwards. Raises NotReady or what Docker raises."""
    password = secret()
    postgres = (
        DockerContainer(POSTGRES_IMAGE)
        .with_env("POSTGRES_USER", USER)
        .with_env("POSTGRES_PASSWORD", password)
        .with_env("POSTGRES_DB", "postgres")
        .with_exposed_ports(5432)
        .with_command(["postgres", "-c", "max_connections=200"])
    )
    rabbitmq = (
        DockerContainer(RABBITMQ_IMAGE)
        .with_env("RABBITMQ_DEFAULT_USER", USER)
        .with_env("RABBITMQ_DEFAULT_PASS", password)
        .with_exposed_ports(5672, 15672)
    )
    async with AsyncExitStack() as stack:
        for container in (postgres, rabbitmq):
            stack.push_async_callback(asyncio.to_thread, container.stop)
            await asyncio.to_thread(container.start)
        login = f"{USER}:{password}"
        servers = Servers(
            f"postgresql://{login}@{_address(postgres, 5432)}/postgres",
            f"amqp://{login}@{_address(rabbitmq, 5672)}/",
            f"http://{login}@{_address(rabbitmq, 15672)}",
        )
        # Log lines come too early: PostgreSQL's also appears while its first set-up is still running.
        await until_ready(lambda: postgres_answers(servers.postgres_url), within_seconds=_READY_SECONDS)
        await until_ready(
            lambda: rabbitmq_answers(servers.rabbitmq_url, servers.rabbitmq_management_url),
            within_seconds=_READY_SECONDS,
        )
        yield servers


def _address(container: DockerContainer, port: int) -> str:
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
