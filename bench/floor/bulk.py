"""One socket write for a batch of messages, and the broker's confirm for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import aiormq
import pamqp.frame
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

PERSISTENT = 2


class BulkPublisher:
    """Feeds aio-pika's own channel; a publish call per message costs ten times the CPU."""

    def __init__(self, channel: AbstractChannel, exchange: str, routing_key: str) -> None:
        self._channel = channel
        self._method = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)

    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publishes (message id, body) pairs; returns when all are confirmed, raises when one is not."""
        channel = cast(aiormq.Channel, await self._channel.get_underlay_channel())
        method = pamqp.frame.marshal(self._method, channel.number)
        loop = asyncio.get_running_loop()
        confirms: list[asyncio.Future[object]] = []
        parts: list[bytes] = []
        async with channel.lock:
            for message_id, body in messages:
                channel.delivery_tag += 1
                confirm: asyncio.Future[object] = loop.create_future()
                confirms.append(confirm)
                channel.confirmations[channel.delivery_tag] = confirm
                channel.message_id_delivery_tag[message_id] = channel.delivery_tag
                properties = commands.Basic.Properties(
                    content_type="application/json", delivery_mode=PERSISTENT, message_id=message_id
                )
                header = ContentHeader(body_size=len(body), properties=properties)
                parts.append(method)
                parts.append(pamqp.frame.marshal(header, channel.number))
                parts.append(pamqp.frame.marshal(ContentBody(body), channel.number))
            await channel.write_queue.put(ChannelFrame(payload=b"".join(parts), should_close=False))
        for confirm in confirms:
            await confirm
        for message_id, _ in messages:
            channel.message_id_delivery_tag.pop(message_id, None)
