"""The proxy passes on every byte, until it is told to misbehave, and then exactly as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from chaos.proxy import Edge, Trap, Way


@dataclass
class Line:
    """An edge, with somebody at its end who says everything back."""

    edge: Edge
    heard: bytearray

    async def call(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.edge.port)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    heard = bytearray()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1000):
            heard.extend(chunk)
            writer.write(chunk)
        writer.close()

    async with _served(echo) as port, Edge("caller→echo", ("127.0.0.1", port)) as edge:
        yield Line(edge, heard)


@asynccontextmanager
async def _served(handler: object) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)  # type: ignore[arg-type]
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_everything_comes_back_and_the_end_too(line: Line) -> None:
    reader, writer = await line.call()
    said = bytes(range(256)) * 1000
    writer.write(said)
    writer.write_eof()

    assert await _read_all(reader) == said
    writer.close()


async def test_slices_lose_nothing(line: Line) -> None:
    for pace in line.edge.paces.values():
        pace.slice_bytes = 1
    reader, writer = await line.call()
    writer.write(b"one byte at a time")
    writer.write_eof()

    assert await _read_all(reader) == b"one byte at a time"
    writer.close()


async def test_a_cut_is_a_reset_at_both_ends(line: Line) -> None:
    reader, writer = await line.call()
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"

    line.edge.cut()

    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()


async def test_what_is_held_back_arrives_late(line: Line) -> None:
    reader, writer = await line.call()
    line.edge.stop(Way.UP)
    writer.write(b"late")
    await writer.drain()
    nothing = asyncio.create_task(reader.readexactly(4))
    done, _ = await asyncio.wait({nothing}, timeout=0.05)
    assert not done
    assert line.heard == b""

    line.edge.flow()

    assert await nothing == b"late"
    writer.close()


async def test_an_answer_can_be_kept_back_while_the_request_arrives(line: Line) -> None:
    trap = line.edge.set(Trap(Way.DOWN, b"commit"))
    reader, writer = await line.call()
    writer.write(b"commit")

    await trap.sprung.wait()

    assert line.heard == b"commit"
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()


async def test_a_trap_takes_what_comes_in_two_parts_and_lets_some_pass_first(line: Line) -> None:
    sprung: list[str] = []
    trap = line.edge.set(Trap(Way.UP, b"<ack>", lambda _: sprung.append("now"), skip=1, passes=True))
    reader, writer = await line.call()
    writer.write(b"<ack>")
    assert await reader.readexactly(5) == b"<ack>"
    assert sprung == []
    writer.write(b"<a")
    assert await reader.readexactly(2) == b"<a"
    writer.write(b"ck>")

    assert await reader.readexactly(3) == b"ck>"
    assert sprung == ["now"]
    assert trap.sprung.is_set()
    writer.close()


async def test_calls_are_passed_on_in_turn() -> None:
    def named(name: bytes) -> object:
        async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(name)
            writer.close()

        return say

    async with (
        _served(named(b"a")) as first,
        _served(named(b"b")) as second,
        Edge("caller→both", ("127.0.0.1", first), ("127.0.0.1", second)) as edge,
    ):
        said = []
        for _ in range(4):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            said.append(await reader.read())
            writer.close()

    assert said == [b"a", b"b", b"a", b"b"]


async def test_who_cannot_be_reached_ends_the_call() -> None:
    async with _served(lambda *_: None) as port:
        pass
    async with Edge("caller→nobody", ("127.0.0.1", port)) as edge:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)

        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    said = b""
    while chunk := await reader.read(65_536):
        said += chunk
    return said
