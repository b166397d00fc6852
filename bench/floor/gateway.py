"""Frames each notification once and writes it to every tab of its user."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections import defaultdict
from collections.abc import Callable
from typing import cast

import aio_pika
import orjson
import uvloop
from aio_pika.abc import AbstractIncomingMessage

from bench.child import Commands
from bench.config import Config
from bench.floor.schema import NOTIFICATIONS

ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
QUEUE_LENGTH = 100_000

Tabs = defaultdict[str, set[Callable[[bytes], None]]]


class Tab(asyncio.Protocol):
    """A socket that is told and never asked; its user stands in the path, without any check."""

    __slots__ = ("_tabs", "_transport", "_user", "_write")

    def __init__(self, tabs: Tabs) -> None:
        self._tabs = tabs
        self._user = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._user:
            return
        request, *headers = data.split(b"\r\n")
        key = next(line for line in headers if line.lower().startswith(b"sec-websocket-key:"))
        digest = hashlib.sha1(key.partition(b":")[2].strip() + ACCEPT_SALT, usedforsecurity=False).digest()
        self._user = request.split(b" ")[1].rpartition(b"/")[2].decode()
        self._write = self._transport.write
        self._write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n" + frame(b'{"type":"live"}')
        )
        self._tabs[self._user].add(self._write)

    def connection_lost(self, _: Exception | None) -> None:
        if self._user:
            self._tabs[self._user].discard(self._write)


def frame(payload: bytes) -> bytes:
    """An unmasked text frame (RFC 6455, section 5.2) of less than 64 KB."""
    if len(payload) < 126:
        return struct.pack("!BB", 0x81, len(payload)) + payload
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload


async def main() -> None:
    commands, settings = await Commands.open()
    config = Config(**settings)
    tabs: Tabs = defaultdict(set)

    async def push(message: AbstractIncomingMessage) -> None:
        for notification in orjson.loads(message.body):
            framed = frame(orjson.dumps({"type": "notification", **notification}))
            for write in tabs[notification["user_id"]]:
                write(framed)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Tab(tabs), "127.0.0.1", config.port, backlog=4096)
    async with server, await aio_pika.connect_robust(config.broker_url) as broker:
        channel = await broker.channel()
        queue = await channel.declare_queue(exclusive=True, arguments={"x-max-length": QUEUE_LENGTH})
        await queue.bind(NOTIFICATIONS, "#")
        await queue.consume(push, no_ack=True)
        await commands.serve({})


if __name__ == "__main__":
    uvloop.run(main())
