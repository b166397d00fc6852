"""The floor's writer with aio-pika as its own documentation has it: a publish a message, a batch at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import uvloop
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange

from bench.floor.schema import EVENTS, ROUTING_KEY
from bench.floor.writer import Publisher, serve


class PlainPublisher:
    def __init__(self, exchange: AbstractExchange) -> None:
        self._exchange = exchange

    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        async with asyncio.TaskGroup() as publishing:
            for message_id, body in messages:
                message = Message(
                    body,
                    content_type="application/json",
                    delivery_mode=DeliveryMode.PERSISTENT,
                    message_id=message_id,
                )
                publishing.create_task(self._exchange.publish(message, ROUTING_KEY))


async def plain(channel: AbstractChannel) -> Publisher:
    return PlainPublisher(await channel.get_exchange(EVENTS, ensure=False))


if __name__ == "__main__":
    uvloop.run(serve(plain))
