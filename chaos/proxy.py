"""A TCP proxy that stands on one edge: it passes on what it is given, until it is told to misbehave."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

CHUNK_BYTES = 64 * 1024
LONGEST_PATTERN = 64
# Closing sends a reset, as from a machine that has forgotten the connection.
_RESET = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """Of the bytes: ``UP`` to who listens, ``DOWN`` to who called."""

    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class Pace:
    """How one way behaves. ``None``: as fast as it goes."""

    flows: asyncio.Event = field(default_factory=asyncio.Event)
    delay_seconds: float = 0
    slice_bytes: int | None = None
    bytes_per_second: float | None = None

    def __post_init__(self) -> None:
        self.flows.set()

    def slices(self, chunk: bytes) -> Iterator[bytes]:
        size = self.slice_bytes or len(chunk)
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]


@dataclass(eq=False, slots=True)
class Connection:
    """One call through the edge, both its ends, and the last bytes seen each way."""

    caller: asyncio.StreamWriter
    listener: asyncio.StreamWriter
    seen: dict[Way, bytes] = field(default_factory=lambda: dict.fromkeys(Way, b""))

    def cut(self) -> None:
        for writer in (self.caller, self.listener):
            end = writer.get_extra_info("socket")
            with suppress(OSError, ValueError):  # uvloop's word where it has been closed meanwhile.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


@dataclass(eq=False, slots=True)
class Trap:
    """Springs when ``pattern`` comes by, after ``skip`` others have.

    Unless it ``passes``, the bytes that sprang it are kept back and the connection is cut, after ``spring``.
    """

    way: Way
    pattern: bytes
    spring: Callable[[Connection], None] = lambda _: None
    skip: int = 0
    passes: bool = False
    only: Connection | None = None
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, connection: Connection, way: Way, seen: bytes) -> bool:
        if way is not self.way or self.only not in (None, connection) or self.pattern not in seen:
            return False
        self.skip -= 1
        return self.skip < 0


class Edge:
    """Listens on ``port`` of this machine for as long as it is entered.

    Callers are passed on to the ``upstreams`` in turn; one that does not answer ends the call.
    """

    def __init__(self, name: str, *upstreams: tuple[str, int]) -> None:
        self.name = name
        self.upstreams = list(upstreams)
        self.port = 0
        self.paces = {way: Pace() for way in Way}
        self.connections: set[Connection] = set()
        self.traps: list[Trap] = []
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    # -------------------------------------------------------------- misbehaving

    def cut(self, share: float = 1.0, dice: random.Random | None = None) -> None:
        """Reset every connection, or a share of them."""
        for connection in list(self.connections):
            if dice is None or dice.random() < share:
                connection.cut()

    def stop(self, *ways: Way) -> None:
        """Pass nothing on; what comes meanwhile arrives late, as after lost packets."""
        for way in ways or Way:
            self.paces[way].flows.clear()

    def flow(self) -> None:
        """What was kept back goes first."""
        for pace in self.paces.values():
            pace.flows.set()

    def set(self, trap: Trap) -> Trap:
        self.traps.append(trap)
        return trap

    def heal(self) -> None:
        """Pass on everything at once again."""
        self.traps.clear()
        self.flow()
        for pace in self.paces.values():
            pace.delay_seconds, pace.slice_bytes, pace.bytes_per_second = 0, None, None

    # -------------------------------------------------------------- passing on

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # Either end went away; or we do, and nobody waits for this task but us.
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.upstreams[self._turn % len(self.upstreams)]
        self._turn += 1
        up_reader, up_writer = await asyncio.open_connection(host, port, limit=CHUNK_BYTES)
        connection = Connection(writer, up_writer)
        self.connections.add(connection)
        try:
            await asyncio.gather(
                self._pass_on(connection, Way.UP, reader, up_writer),
                self._pass_on(connection, Way.DOWN, up_reader, writer),
            )
        finally:
            self.connections.discard(connection)
            up_writer.transport.abort()

    async def _pass_on(
        self, connection: Connection, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        pace = self.paces[way]
        while chunk := await reader.read(CHUNK_BYTES):
            if self.traps and self._is_trapped(connection, way, chunk):
                connection.cut()
                return
            await pace.flows.wait()
            if pace.delay_seconds:
                await asyncio.sleep(pace.delay_seconds)
            for part in pace.slices(chunk):
                if writer.is_closing():
                    return  # The other way has ended the call.
                writer.write(part)
                await writer.drain()
                if pace.bytes_per_second is not None:
                    await asyncio.sleep(len(part) / pace.bytes_per_second)
                elif pace.slice_bytes:
                    await asyncio.sleep(0)
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()

    def _is_trapped(self, connection: Connection, way: Way, chunk: bytes) -> bool:
        """Whether these bytes must not go on. A pattern may come in two chunks."""
        seen = connection.seen[way] + chunk
        connection.seen[way] = seen[-LONGEST_PATTERN:]
        sprung = [trap for trap in self.traps if trap.takes(connection, way, seen)]
        for trap in sprung:
            connection.seen[way] = b""
            self.traps.remove(trap)
            trap.spring(connection)
            trap.sprung.set()
        return any(not trap.passes for trap in sprung)
