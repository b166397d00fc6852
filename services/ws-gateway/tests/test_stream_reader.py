"""Whoever waits for a stream gets an answer or is told that there is none."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from shared.testing.working import working
from ws_gateway.adapters.notifier import StreamReader, StreamsAway


class Broken(httpx.AsyncBaseTransport):
    """Raises what no client library should raise."""

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        raise KeyError("nobody expected this")


class Silent(httpx.AsyncBaseTransport):
    """Takes a request and never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


def reader(notifier: httpx.AsyncBaseTransport) -> StreamReader:
    return StreamReader(httpx.AsyncClient(transport=notifier, base_url="http://notifier"), lambda: "token")


async def test_an_error_nobody_expected_takes_neither_the_waiting_nor_the_worker_with_it() -> None:
    streams = reader(Broken())
    async with working(streams.run), asyncio.timeout(5):
        for _ in range(3):
            with pytest.raises(StreamsAway):
                await streams.read("user-1", None)


async def test_who_waits_when_the_worker_ends_is_told() -> None:
    notifier = Silent()
    streams = reader(notifier)
    async with asyncio.timeout(3):
        async with working(streams.run):
            reading = asyncio.create_task(streams.read("user-1", None))
            await notifier.asked.wait()
        with pytest.raises(StreamsAway):
            await reading
