"""AMQP 0-9-1 by hand, for one purpose: publish, and count what the broker confirms."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import unquote, urlsplit

from pamqp import commands
from pamqp.base import Frame
from pamqp.common import FieldTable
from pamqp.frame import marshal, unmarshal
from pamqp.header import ProtocolHeader

CHANNEL = 1
METHOD, HEADER, BODY, END = b"\x01", b"\x02", b"\x03", b"\xce"
ACK, NACK = (60, 80), (60, 120)
# content_type, delivery_mode and message_id stand in a header in this order.
FLAGS = 0x8000 | 0x1000 | 0x0080
JSON, PERSISTENT = b"\x10application/json", b"\x02"


class RawPublisher(asyncio.Protocol):
    """After the handshake all is packed and read with struct. There is no heartbeat and no way back."""

    @classmethod
    async def connect(cls, url: str, exchange: str, routing_key: str) -> RawPublisher:
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, publisher = await loop.create_connection(
            lambda: cls(exchange, routing_key), parts.hostname or "", parts.port or 5672
        )
        await publisher._shake_hands(parts.username or "", unquote(parts.password or ""), parts.path[1:])
        return publisher

    def __init__(self, exchange: str, routing_key: str) -> None:
        route = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
        self._method = marshal(route, CHANNEL)
        self._rest = b""
        self._said: asyncio.Queue[object] = asyncio.Queue()
        self._publishing = False
        self._sent = 0
        self._confirmed = 0
        self._early: set[int] = set()
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def send(self, messages: Sequence[tuple[bytes, bytes]]) -> None:
        """One write for all (message id, body) pairs; returns once the last of them is confirmed."""
        self._transport.write(b"".join([self._frames(id_, body) for id_, body in messages]))
        self._sent += len(messages)
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._sent, confirmed))
        await confirmed

    def close(self) -> None:
        self._transport.abort()

    # ------------------------------------------------------------------------ bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        for _, confirmed in self._waiting:
            if not confirmed.done():
                confirmed.set_exception(ConnectionError(f"the broker has gone: {error}"))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while len(data) >= at + 7:
            end = at + 8 + int.from_bytes(data[at + 3 : at + 7], "big")
            if len(data) < end:
                break
            self._on_frame(data[at:end])
            at = end
        self._rest = data[at:]

    def _on_frame(self, frame: bytes) -> None:
        if not self._publishing:
            self._said.put_nowait(unmarshal(frame)[2])
            return
        class_, method, tag, multiple = struct.unpack_from(">HHQB", frame, 7)
        if (class_, method) != ACK:
            raise RuntimeError(f"the broker said {class_}.{method} instead of a confirm")
        if multiple:
            self._confirmed = tag
        else:
            self._early.add(tag)
        while self._confirmed + 1 in self._early:
            self._confirmed += 1
            self._early.discard(self._confirmed)
        while self._waiting and self._waiting[0][0] <= self._confirmed:
            self._waiting.popleft()[1].set_result(None)

    def _frames(self, message_id: bytes, body: bytes) -> bytes:
        header = struct.pack(">HHQH", 60, 0, len(body), FLAGS) + JSON + PERSISTENT
        header += bytes((len(message_id),)) + message_id
        return b"".join(
            (
                self._method,
                HEADER + struct.pack(">HI", CHANNEL, len(header)) + header + END,
                BODY + struct.pack(">HI", CHANNEL, len(body)) + body + END,
            )
        )

    # ------------------------------------------------------------------------ handshake

    async def _shake_hands(self, user: str, password: str, virtual_host: str) -> None:
        self._transport.write(marshal(ProtocolHeader(), 0))
        await self._said.get()
        table = cast(FieldTable, {})
        plain = f"\0{user}\0{password}"
        self._say(0, commands.Connection.StartOk(client_properties=table, response=plain))
        tune = cast(commands.Connection.Tune, await self._said.get())
        self._say(0, commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
        self._say(0, commands.Connection.Open(virtual_host))
        await self._said.get()
        self._say(CHANNEL, commands.Channel.Open())
        await self._said.get()
        self._say(CHANNEL, commands.Confirm.Select())
        await self._said.get()
        self._publishing = True

    def _say(self, channel: int, method: Frame) -> None:
        self._transport.write(marshal(method, channel))
