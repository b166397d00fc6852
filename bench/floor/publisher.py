"""Publishes over a raw AMQP client, so many a write, so many writes on their way."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Iterator

import uvloop

from bench.child import Commands, Json
from bench.config import Config
from bench.floor.raw_amqp import RawPublisher
from bench.published import BODY, EXCHANGE, ROUTING_KEY

BATCH = 500
IN_FLIGHT = 2


async def main() -> None:
    commands, settings = await Commands.open()
    publisher = await RawPublisher.connect(Config(**settings).broker_url, EXCHANGE, ROUTING_KEY)

    async def send(messages: Iterator[tuple[bytes, bytes]]) -> None:
        while batch := list(itertools.islice(messages, BATCH)):
            await publisher.send(batch)

    async def publish(command: Json) -> Json:
        ids = [str(uuid.uuid4()).encode() for _ in range(command["count"])]
        began = time.monotonic()
        messages = iter([(id_, BODY) for id_ in ids])
        await asyncio.gather(*(send(messages) for _ in range(IN_FLIGHT)))
        return {"seconds": time.monotonic() - began}

    await commands.serve({"publish": publish})
    publisher.close()


if __name__ == "__main__":
    uvloop.run(main())
