"""One broker connection that is kept alive: opened, watched, and opened again with jittered back-off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import aio_pika
import aiormq
from aio_pika.connection import make_url
from aiormq.exceptions import AMQPError, ChannelNotFoundEntity
from prometheus_client import Gauge

from shared.messaging.deliveries import OnDelivery, Transport
from shared.observability.logs import get_logger

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection
    from aiormq.channel import Channel

log = get_logger(__name__)

CONNECT_TIMEOUT_SECONDS = 5.0
HEARTBEAT_SECONDS = 10
CHECK_SECONDS = 300.0
RETRY_CHECK_SECONDS = 5.0
OBJECT_MISSING = Gauge("broker_object_missing", "1 while the broker lacks an exchange or queue we need.")
AWAY = (AMQPError, OSError, asyncio.TimeoutError, RuntimeError)  # aiormq's state errors are RuntimeErrors.


class BrokerAway(Exception):
    """There is no usable connection just now; nothing was sent."""


class MissingBrokerObject(Exception):
    """An exchange or queue that this service needs does not exist."""


class Link:
    """A connection and one channel on it, for as long as both live."""

    def __init__(self, connection: AbstractConnection, channel: Channel, transport: Transport) -> None:
        self.connection = connection
        self.channel = channel
        self._reader = transport.reader
        self.lost = asyncio.Event()
        channel.closing.add_done_callback(lambda _: self.lost.set())

    def take_deliveries(self, on_delivery: OnDelivery) -> None:
        """Have ``on_delivery`` called for each, in order. It must not block."""
        self._reader.take(self.channel.number, on_delivery)

    async def close(self) -> None:
        await close_connection(self.connection)


async def open_link(url: str, name: str, *, confirms: bool) -> Link:
    """Connect and open a channel. Raises one of AWAY when that fails within 5 s."""
    connection = aio_pika.Connection(
        make_url(url, heartbeat=HEARTBEAT_SECONDS), client_properties={"connection_name": name}
    )
    connection.kwargs["transport_factory"] = transport = Transport()
    try:
        await connection.connect(timeout=CONNECT_TIMEOUT_SECONDS)
        channel = await _raw_channel(connection, confirms=confirms)
    except BaseException:
        await close_connection(connection)
        raise
    return Link(connection, channel, transport)


async def close_connection(connection: AbstractConnection) -> None:
    """Also one that never connected, or if cancelled: what is not closed complains when collected."""
    try:
        with suppress(*AWAY):
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await connection.close()
    finally:
        await connection.close()  # It has no transport any more, and but notes that it is closed.


async def _raw_channel(connection: AbstractConnection, *, confirms: bool) -> Channel:
    assert connection.transport is not None
    transport = cast("aiormq.Connection", connection.transport.connection)
    channel = await transport.channel(publisher_confirms=confirms, timeout=CONNECT_TIMEOUT_SECONDS)
    return cast("Channel", channel)


async def keep_linked(
    url: str,
    name: str,
    use: Callable[[Link], Awaitable[None]],
    *,
    confirms: bool,
    before: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Run ``use`` on a fresh link, again and again, until cancelled.

    ``before`` must succeed ahead of each attempt (a database probe, say). ``use`` returns or raises when the
    link is of no more use. Waits 0.1 s to 5 s with full jitter between attempts that fail in a row.
    """
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            if before is not None:
                await before()
            link = await open_link(url, name, confirms=confirms)
            try:
                await use(link)
            finally:
                await asyncio.shield(link.close())
        except asyncio.CancelledError as error:
            # aiormq cancels what waits on a channel it loses; that is not for us to end by.
            if _is_ending():
                raise
            log.warning("broker.link_lost", link=name, host=host_of(url), error=repr(error))
        except Exception as error:  # noqa: BLE001  # Whatever it was, the answer is to begin anew.
            log.warning("broker.link_lost", link=name, host=host_of(url), error=repr(error))
        if _is_ending():
            raise asyncio.CancelledError
        failures = 0 if loop.time() - started > 10 else failures + 1
        await asyncio.sleep(random.uniform(0, min(5.0, 0.1 * 2**failures)))


async def preflight(
    url: str, name: str, *, exchanges: tuple[str, ...] = (), queues: tuple[str, ...] = ()
) -> None:
    """Check that what the service needs is there.

    Raises:
        MissingBrokerObject: names the object, and the command that makes it.
    """
    objects = [*(("exchange", each) for each in exchanges), *(("queue", each) for each in queues)]
    link = await open_link(url, f"{name}.preflight", confirms=False)
    try:
        for kind, wanted in objects:
            declare = link.channel.exchange_declare if kind == "exchange" else link.channel.queue_declare
            try:
                await declare(wanted, passive=True, timeout=CONNECT_TIMEOUT_SECONDS)
            except ChannelNotFoundEntity:
                raise MissingBrokerObject(
                    f"the broker has no {kind} {wanted!r}: run `ledgerbell broker apply` first"
                ) from None
    finally:
        await link.close()


async def keep_checking(
    url: str, name: str, *, exchanges: tuple[str, ...] = (), queues: tuple[str, ...] = ()
) -> None:
    """A worker: runs ``preflight`` every 5 min (5 s after a failure); says CRITICAL what is missing."""
    while True:
        pause = CHECK_SECONDS
        try:
            await preflight(url, name, exchanges=exchanges, queues=queues)
            OBJECT_MISSING.set(0)
        except MissingBrokerObject as missing:
            OBJECT_MISSING.set(1)
            log.critical("broker.object_missing", detail=str(missing))
            pause = RETRY_CHECK_SECONDS
        except (*AWAY, asyncio.CancelledError) as error:  # A lost channel cancels who waits on it; see above.
            if _is_ending():
                raise asyncio.CancelledError from None
            log.warning("broker.unchecked", host=host_of(url), error=repr(error))
            pause = RETRY_CHECK_SECONDS
        if _is_ending():
            raise asyncio.CancelledError
        await asyncio.sleep(pause)


def _is_ending() -> bool:
    """Whether this task was cancelled. Python 3.11's wait_for, which aiormq uses, can swallow it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def consumer_count(link: Link, queue: str) -> int:
    """How many consumers the broker itself sees; asked on a channel of its own."""
    channel = await _raw_channel(link.connection, confirms=False)
    try:
        declared = await channel.queue_declare(queue, passive=True, timeout=CONNECT_TIMEOUT_SECONDS)
        return declared.consumer_count or 0
    finally:
        with suppress(*AWAY):
            await channel.close()


def host_of(url: str) -> str:
    """The host and port of a broker URL, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5672}"
