"""What an administrator may do at the broker: publish what no service would, and take messages away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aio_pika
from aio_pika.connection import make_url

from chaos.world import World
from shared.messaging.connection import close_connection

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, FieldValue

PUBLISH_SECONDS = 20


@asynccontextmanager
async def channel(world: World) -> AsyncIterator[AbstractChannel]:
    """Straight to the broker. Raises what connecting raises when it is away."""
    connection = aio_pika.Connection(make_url(world.stack.corner.admin_broker_url))
    try:
        await connection.connect(timeout=PUBLISH_SECONDS)
        yield await connection.channel()
    finally:
        await close_connection(connection)


async def publish(
    to: AbstractChannel,
    exchange: str,
    routing_key: str,
    body: bytes,
    headers: Mapping[str, FieldValue],
    message_id: str | None,
) -> None:
    """Confirmed, or it raises. ``exchange`` "" publishes to the queue that the routing key names."""
    target = await to.get_exchange(exchange, ensure=False) if exchange else to.default_exchange
    message = aio_pika.Message(
        body,
        headers=dict(headers),
        message_id=message_id,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await target.publish(message, routing_key, timeout=PUBLISH_SECONDS)


async def publish_again(
    to: AbstractChannel,
    exchange: str,
    routing_key: str,
    message: AbstractIncomingMessage,
    headers: Mapping[str, FieldValue] | None = None,
    body: bytes | None = None,
) -> None:
    """The same message, with these headers besides its own, or with another body."""
    own = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
    contents = message.body if body is None else body
    await publish(to, exchange, routing_key, contents, {**own, **(headers or {})}, message.message_id)
