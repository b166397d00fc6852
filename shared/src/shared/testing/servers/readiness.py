"""A server is ready when it answers what a client would ask, never because a log line says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiormq
import asyncpg
import httpx

_RETRY_SECONDS = 0.05
_ATTEMPT_SECONDS = 5.0

_NOT_YET = (OSError, TimeoutError, asyncpg.PostgresError, aiormq.exceptions.AMQPError, httpx.HTTPError)


class NotReady(Exception):
    """A server did not answer within its time."""


async def postgres_answers(url: str) -> None:
    """Raises unless a query succeeds."""
    connection = await asyncpg.connect(url, timeout=_ATTEMPT_SECONDS)
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def rabbitmq_answers(amqp_url: str, management_url: str) -> None:
    """Raises unless the management interface knows us and a channel opens."""
    async with httpx.AsyncClient(timeout=_ATTEMPT_SECONDS, trust_env=False) as http:
        (await http.get(f"{management_url}/api/whoami")).raise_for_status()
    address = urlsplit(amqp_url)
    # Asked first, because aiormq logs each refusal as an error.
    await accepts_connections(address.hostname or "localhost", address.port or 5672)
    connection = await aiormq.connect(amqp_url)
    try:
        await connection.channel()
    finally:
        await connection.close()


async def accepts_connections(host: str, port: int) -> None:
    """Raises OSError unless something listens there."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


async def until_ready(
    ask: Callable[[], Awaitable[None]],
    *,
    within_seconds: float,
    check_alive: Callable[[], None] = lambda: None,
) -> None:
    """Ask until it does not raise; ``check_alive`` raises once further asking is pointless.

    Raises:
        NotReady: still no answer after ``within_seconds``; its cause is the last failure.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds
    while True:
        check_alive()
        try:
            return await asyncio.wait_for(ask(), _ATTEMPT_SECONDS)
        except _NOT_YET as problem:
            if loop.time() > deadline:
                raise NotReady(f"no answer within {within_seconds:g} s: {problem!r}") from problem
        await asyncio.sleep(_RETRY_SECONDS)
