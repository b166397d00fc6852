"""Takes deliveries off the wire: aiormq awaits three times a frame and makes a task of each message.

Its transport factory may bring a reader of one's own. Ours keeps the deliveries of those channels that have
a taker, and passes every other frame on as it came.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp import decode

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage
    from aiormq.channel import Channel
    from yarl import URL

CHUNK_BYTES = 256 * 1024
_METHOD, _HEADER, _BODY = 1, 2, 3
_FRAME = struct.Struct(">BHI")
_DELIVER = struct.pack(">HH", 60, 60)
_END = 0xCE
# What aiormq takes as a sign of life; the broker sends none while it delivers.
_HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came. Its body is untrusted and may hold secrets."""

    tag: int
    routing_key: str
    message_id: str | None
    redelivered: bool
    headers: dict[str, object] = field(repr=False)
    body: bytes = field(repr=False)


OnDelivery = Callable[[Delivery], None]


class Transport(TransportFactory):
    """Connects as aiormq would, and keeps the reader of the connection."""

    reader: DeliveryReader

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await factory.create(url, **kwargs)
        self.reader = DeliveryReader(reader)
        return cast(asyncio.StreamReader, self.reader), writer


class DeliveryReader:
    """In a StreamReader's place: has the methods of it that aiormq calls."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._takers: dict[int, OnDelivery] = {}
        self._coming: dict[int, _Coming] = {}
        self._rest = b""  # The beginning of a frame that is not whole yet.
        self._passed = bytearray()

    def take(self, channel: int, on_delivery: OnDelivery) -> None:
        """Have ``on_delivery`` called for every delivery on this channel, in order. It must not block."""
        self._takers[channel] = on_delivery

    def at_eof(self) -> bool:
        return not self._passed and not self._rest and self._reader.at_eof()

    async def readexactly(self, n: int) -> bytes:
        """Raises IncompleteReadError when the connection ends before, ConnectionError for nonsense."""
        passed = self._passed
        while len(passed) < n:
            chunk = await self._reader.read(CHUNK_BYTES)
            if not chunk:
                raise asyncio.IncompleteReadError(bytes(passed), n)
            try:
                self._sort(self._rest + chunk)
            except (struct.error, IndexError, AttributeError) as error:
                raise ConnectionError(f"a delivery cannot be read: {error!r}") from error
        data = bytes(passed[:n])
        del passed[:n]
        return data

    async def read(self, n: int = -1) -> bytes:
        """What was passed on and is left; aiormq wants it of a connection that is no AMQP connection."""
        data = bytes(self._passed) + self._rest + await self._reader.read(n)
        self._passed.clear()
        self._rest = b""
        return data

    def _sort(self, data: bytes) -> None:
        at, end, took = 0, len(data), False
        while end - at >= 8:
            kind, channel, size = _FRAME.unpack_from(data, at)
            after = at + size + 8
            if after > end and kind in (_METHOD, _HEADER, _BODY):
                break
            # What does not end as a frame does is aiormq's to refuse.
            whole = after <= end and data[after - 1] == _END
            if whole and channel in self._takers and self._takes(kind, channel, data[at + 7 : after - 1]):
                took = True
            else:
                self._passed += data[at:after]
            at = after
        self._rest = data[at:]
        if took and not self._passed:
            self._passed += _HEARTBEAT

    def _takes(self, kind: int, channel: int, payload: bytes) -> bool:
        if kind == _METHOD and payload.startswith(_DELIVER):
            self._coming[channel] = _Coming(payload)
            return True
        coming = self._coming.get(channel)
        if coming is None or kind not in (_HEADER, _BODY):
            return False
        (coming.head if kind == _HEADER else coming.add)(payload)
        if coming.missing <= 0:
            del self._coming[channel]
            self._takers[channel](coming.delivery())
        return True


class _Coming:
    """A delivery that is not whole yet. Source: AMQP 0-9-1, basic.deliver and the content frames."""

    __slots__ = ("body", "headers", "message_id", "missing", "redelivered", "routing_key", "tag")

    def __init__(self, method: bytes) -> None:
        at = 5 + method[4]  # After the consumer's tag.
        (self.tag,) = struct.unpack_from(">Q", method, at)
        self.redelivered = bool(method[at + 8] & 1)
        at += 10 + method[at + 9]  # After the exchange's name.
        self.routing_key = _short(method, at)
        self.body = b""
        self.missing = 1

    def head(self, header: bytes) -> None:
        self.missing, flags = struct.unpack_from(">QH", header, 4)
        at = 14
        self.headers: dict[str, object] = {}
        self.message_id: str | None = None
        for bit in (0x8000, 0x4000):  # content_type, content_encoding
            if flags & bit:
                at += 1 + header[at]
        if flags & 0x2000:
            size = 4 + int.from_bytes(header[at : at + 4], "big")
            self.headers = _table(header[at : at + size])
            at += size
        for bit in (0x1000, 0x0800):  # delivery_mode, priority
            at += bool(flags & bit)
        for bit in (0x0400, 0x0200, 0x0100):  # correlation_id, reply_to, expiration
            if flags & bit:
                at += 1 + header[at]
        if flags & 0x0080:
            self.message_id = _short(header, at)

    def add(self, body: bytes) -> None:
        self.body += body
        self.missing -= len(body)

    def delivery(self) -> Delivery:
        return Delivery(
            self.tag, self.routing_key, self.message_id, self.redelivered, self.headers, self.body
        )


def _table(data: bytes) -> dict[str, object]:
    """Of strings, as our own messages have it; pamqp reads what has anything else in it."""
    fields: dict[str, object] = {}
    at, end = 4, len(data)
    while at < end:
        name = _short(data, at)
        at += 1 + data[at]
        if data[at] != 83:  # S
            return dict(decode.field_table(data)[1])
        size = int.from_bytes(data[at + 1 : at + 5], "big")
        value = data[at + 5 : at + 5 + size]
        try:
            fields[name] = value.decode()
        except UnicodeDecodeError:
            fields[name] = value
        at += 5 + size
    return fields


def _short(data: bytes, at: int) -> str:
    return data[at + 1 : at + 1 + data[at]].decode(errors="replace")


async def start_consuming(channel: Channel, queue: str, *, no_ack: bool) -> str:
    """Begin consuming; returns the consumer's tag."""
    consumed = await channel.basic_consume(queue, _never_called, no_ack=no_ack, exclusive=no_ack, timeout=5)
    return consumed.consumer_tag or ""


async def _never_called(_: DeliveredMessage) -> None:
    raise AssertionError("deliveries are taken off the wire")
