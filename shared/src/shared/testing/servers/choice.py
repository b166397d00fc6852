"""Which PostgreSQL and RabbitMQ to use: the environment's, containers, or private ones; never none."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from shared.observability.logs import get_logger
from shared.testing.servers.postgres import PrivatePostgres
from shared.testing.servers.private import ServerNotInstalled
from shared.testing.servers.rabbitmq import PrivateRabbitMQ
from shared.testing.servers.readiness import postgres_answers, rabbitmq_answers, until_ready
from shared.testing.servers.urls import VARIABLES, NoServers, Servers, servers_in

log = get_logger(__name__)

_OVERRIDE = "LEDGERBELL_TEST_SERVERS"
_ENVIRONMENT_READY_SECONDS = 30


@asynccontextmanager
async def given_servers(servers: Servers) -> AsyncIterator[Servers]:
    """Somebody else's servers, once they answer; raises NotReady."""
    await until_ready(
        lambda: postgres_answers(servers.postgres_url), within_seconds=_ENVIRONMENT_READY_SECONDS
    )
    await until_ready(
        lambda: rabbitmq_answers(servers.rabbitmq_url, servers.rabbitmq_management_url),
        within_seconds=_ENVIRONMENT_READY_SECONDS,
    )
    yield servers


@asynccontextmanager
async def private_servers(folder: Path | None = None) -> AsyncIterator[Servers]:
    """A PostgreSQL and a RabbitMQ of our own; what they hold is kept in ``folder`` or else thrown away.

    Raises:
        NoServers: one of them is not installed.
        FolderInUse, ServerFailed: see PrivateServer.start.
    """
    postgres = PrivatePostgres(folder and folder / "postgres")
    rabbitmq = PrivateRabbitMQ(folder and folder / "rabbitmq")
    try:
        await _start_both(postgres, rabbitmq)
        yield Servers(postgres.url, rabbitmq.amqp_url, rabbitmq.management_url)
    finally:
        await asyncio.gather(postgres.close(), rabbitmq.close())


async def _start_both(postgres: PrivatePostgres, rabbitmq: PrivateRabbitMQ) -> None:
    outcomes = await asyncio.gather(postgres.start(), rabbitmq.start(), return_exceptions=True)
    problems = [outcome for outcome in outcomes if outcome is not None]
    if missing := [str(problem) for problem in problems if isinstance(problem, ServerNotInstalled)]:
        raise NoServers(f"{'; '.join(missing)}. Or set {', '.join(VARIABLES)}.")
    if problems:
        raise problems[0]


@asynccontextmanager
async def servers_for_demo(folder: Path) -> AsyncIterator[Servers]:
    """The environment's, or private ones that keep their data in ``folder``.

    Raises:
        NoServers: not all URLs are set, or nothing is installed.
    """
    named = servers_in(os.environ)
    async with given_servers(named) if named else private_servers(folder) as servers:
        yield servers


@asynccontextmanager
async def servers_for_tests() -> AsyncIterator[Servers]:
    """The environment's, containers where a Docker engine answers, or temporary private ones.

    ``LEDGERBELL_TEST_SERVERS=private`` or ``containers`` leaves only that choice.

    Raises:
        NoServers: there are none; a test that needs a server fails then, it does not skip.
    """
    wanted = os.environ.get(_OVERRIDE, "")
    if wanted not in ("", "private", "containers"):
        raise NoServers(f"{_OVERRIDE} is `private`, `containers` or not set; not {wanted!r}")
    named = servers_in(os.environ)
    async with AsyncExitStack() as stack:
        if named and not wanted:
            yield await stack.enter_async_context(given_servers(named))
        elif wanted == "containers":
            yield await stack.enter_async_context(_container_servers())
        elif not wanted and docker_answers():
            yield await _containers_or_private(stack)
        else:
            yield await stack.enter_async_context(private_servers())


async def _containers_or_private(stack: AsyncExitStack) -> Servers:
    """An engine may answer and have no images, nor a way to get any."""
    try:
        return await stack.enter_async_context(_container_servers())
    except Exception as error:  # noqa: BLE001  # The engine's reasons are many; they are told, not judged.
        log.warning("servers.no_containers", error=repr(error), instead="private servers")
        return await stack.enter_async_context(private_servers())


def _container_servers() -> AbstractAsyncContextManager[Servers]:
    # Imported here because only developers' machines have testcontainers, and only this way needs it.
    from shared.testing.servers.containers import container_servers

    return container_servers()


def docker_answers() -> bool:
    """Whether a Docker engine can be used from here."""
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
