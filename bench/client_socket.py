"""The cheapest WebSocket client that still reads every frame: RFC 6455 by hand, for the load process only."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from typing import cast

# The mask may be any four bytes; with zeros the masked payload is the payload (RFC 6455, section 5.3).
NO_MASK = b"\0\0\0\0"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
MASKED = 0x80
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="

OnText = Callable[["ClientSocket", int, bytes], None]


class ClientSocket(asyncio.Protocol):
    """One tab's socket: tells `on_text` about each text frame and when its bytes arrived."""

    __slots__ = ("_head", "_on_text", "_rest", "_transport", "closed", "opened", "user")

    def __init__(self, user: str, path: str, headers: dict[str, str], on_text: OnText) -> None:
        loop = asyncio.get_running_loop()
        self.user = user
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed = ""
        self._on_text = on_text
        self._rest = b""
        lines = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._head = f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._head)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = self.closed or f"connection lost: {error}"
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(self.closed))

    def data_received(self, data: bytes) -> None:
        arrived_ns = time.monotonic_ns()
        if self._rest:
            data = self._rest + data
        at = 0
        if not self.opened.done():
            at = self._read_answer(data)
        while at >= 0 and (end := frame_end(data, at)):
            self._on_frame(data[at] & 0x0F, payload_of(data, at, end), arrived_ns)
            at = end
        self._rest = data[max(at, 0) :]

    def send_text(self, text: bytes) -> None:
        self._send(TEXT, text)

    def close(self) -> None:
        self.closed = self.closed or "closed by the harness"
        self._transport.abort()

    def _read_answer(self, data: bytes) -> int:
        """Where the frames begin; -1 while the HTTP answer is incomplete."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        if b" 101 " in data[: data.index(b"\r\n")]:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(data[:200].decode(errors="replace")))
        return end + 4

    def _on_frame(self, opcode: int, payload: bytes, arrived_ns: int) -> None:
        if opcode == TEXT:
            self._on_text(self, arrived_ns, payload)
        elif opcode == PING:
            self._send(PONG, payload)
        elif opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else "no code"
            self.closed = f"closed by the gateway: {code} {payload[2:].decode(errors='replace')}"
            self._transport.close()

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, MASKED | size)
        else:
            head = struct.pack("!BBH", 0x80 | opcode, MASKED | 126, size)
        self._transport.write(head + NO_MASK + payload)


def frame_end(data: bytes, at: int) -> int:
    """Where the frame that begins at `at` ends; 0 while it is incomplete."""
    if len(data) < at + 2:
        return 0
    begin, size = _extent(data, at)
    return begin + size if begin and len(data) >= begin + size else 0


def payload_of(data: bytes, at: int, end: int) -> bytes:
    begin, _ = _extent(data, at)
    return data[begin:end]


def _extent(data: bytes, at: int) -> tuple[int, int]:
    """Where an unmasked payload begins (0: not known yet) and its size."""
    size = data[at + 1]
    if size < 126:
        return at + 2, size
    width = 2 if size == 126 else 8
    if len(data) < at + 2 + width:
        return 0, 0
    return at + 2 + width, int.from_bytes(data[at + 2 : at + 2 + width], "big")
