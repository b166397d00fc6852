"""The load process reads every frame however it is cut, and lets no loss, hole or repeat pass."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from bench.client_socket import frame_end, payload_of
from bench.floor.gateway import Tab as FloorTab
from bench.floor.gateway import Tabs as FloorTabs
from bench.floor.gateway import frame
from bench.socket_io import answer_to, unwrapped
from bench.tabs import Gateway, Tabs, transfers_in


class Bell:
    """A gateway with tabs on it, and a way to ring them."""

    def __init__(self, tabs: Tabs, writers: FloorTabs) -> None:
        self.tabs = tabs
        self._writers = writers

    def ring(self, seq: int, transfer_id: str) -> None:
        content = {"type": "notification", "seq": seq, "transfer_id": transfer_id}
        for write in self._writers["ann"]:
            write(frame(orjson.dumps(content)))

    def hang_up(self) -> None:
        for write in self._writers["ann"]:
            write(b"\x88\x02\x03\xe9")  # A close frame, code 1001.

    async def expect_just(self, arrivals: int) -> None:
        await self.expect(arrivals)
        await self.expect(0)

    async def expect(self, arrivals: int) -> list[str]:
        answer = await self.tabs.expect({"arrivals": arrivals, "timeout_seconds": 0.5})
        return [transfer for transfer, _ in answer["arrivals"]]


@asynccontextmanager
async def two_tabs_of_ann() -> AsyncIterator[Bell]:
    writers: FloorTabs = defaultdict(set)
    server = await asyncio.get_running_loop().create_server(lambda: FloorTab(writers), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        tabs = Tabs(Gateway("127.0.0.1", port, "/tabs/{user}"))
        await tabs.open({"tokens": {"ann": ""}, "each": 2})
        try:
            yield Bell(tabs, writers)
        finally:
            tabs.abandon()
            while writers["ann"]:
                await asyncio.sleep(0.001)


async def test_each_tab_reports_each_transfer() -> None:
    async with two_tabs_of_ann() as bell:
        bell.ring(1, "a")
        bell.ring(2, "b")

        assert sorted(await bell.expect(4)) == ["a", "a", "b", "b"]
        await bell.tabs.close({})


@pytest.mark.parametrize(
    "rung",
    [
        [(1, "a")],  # One was lost.
        [(1, "a"), (3, "b")],  # There is a hole.
        [(2, "a"), (1, "b")],  # The order is wrong.
        [(1, "a"), (1, "a")],  # The sequence number came twice.
        [(1, "a"), (2, "a")],  # The transfer came twice.
        [(1, "a"), (2, "b"), (3, "c")],  # One more than was committed.
    ],
)
async def test_anything_but_what_was_committed_ends_the_run(rung: list[tuple[int, str]]) -> None:
    async with two_tabs_of_ann() as bell:
        for seq, transfer_id in rung:
            bell.ring(seq, transfer_id)

        with pytest.raises(RuntimeError):
            await bell.expect_just(4)


async def test_a_tab_that_lost_its_socket_ends_the_run() -> None:
    async with two_tabs_of_ann() as bell:
        bell.hang_up()

        with pytest.raises(RuntimeError, match="sockets lost"):
            await bell.expect(1)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535])
def test_a_frame_ends_only_when_all_of_it_is_there(size: int) -> None:
    payload = b"x" * size
    whole = frame(payload)

    assert frame_end(whole[:-1] if size else whole[:1], 0) == 0
    assert frame_end(whole + b"next", 0) == len(whole)
    assert payload_of(whole + b"next", 0, len(whole)) == payload


def test_a_batch_is_read_like_its_frames() -> None:
    inner = {"type": "notification", "seq": 4, "transfer_id": "t"}
    others = [
        {"type": "balance"},
        {"type": "notification", "seq": 5, "transfer_id": None, "link": "/activity/f"},
    ]

    assert transfers_in({"type": "batch", "frames": [inner, *others]}) == [("t", 4), ("/activity/f", 5)]


def test_socket_io_is_read_as_what_it_wraps() -> None:
    event = b'42["notification",{"type":"notification","seq":4}]'

    assert orjson.loads(unwrapped(event)) == {"type": "notification", "seq": 4}
    assert orjson.loads(unwrapped(b'40{"sid":"x"}')) == {"type": "live"}
    with pytest.raises(ConnectionError):
        unwrapped(b'44{"message":"refused"}')


@pytest.mark.parametrize(
    ("said", "answer"),
    [(b'0{"sid":"x"}', b'40{"user":"ann"}'), (b"2", b"3"), (b'40{"sid":"x"}', b""), (b'42["a",{}]', b"")],
)
def test_socket_io_is_answered_where_it_waits(said: bytes, answer: bytes) -> None:
    assert answer_to(said, "ann") == answer
