"""Which PostgreSQL and RabbitMQ to use: the environment's, containers, or private ones; never none."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.testing.servers.postgres import PrivatePostgres
from shared.testing.servers.private import ServerNotInstalled
from shared.testing.servers.rabbitmq import PrivateRabbitMQ
from shared.testing.servers.readiness import postgres_answers, rabbitmq_answers, until_ready
from shared.testing.servers.urls import VARIABLES, NoServers, Servers, servers_in

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
    if named and not wanted:
        async with given_servers(named) as servers:
            yield servers
    elif wanted == "containers" or (not wanted and docker_answers()):
        # Imported here because only developers' machines have testcontainers, and only this way needs it.
        from shared.testing.servers.containers import container_servers

        async with container_servers() as servers:
            yield servers
    else:
        async with private_servers() as servers:
            yield servers


def docker_answers() -> bool:
    """Whether a Docker engine can be used from here."""
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
