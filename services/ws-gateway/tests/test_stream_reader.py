"""Whoever waits for a stream gets an answer or is told that there is none."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from shared.streams import StreamAnswer, StreamsAnswer, StreamsRequest
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


class Slow(httpx.AsyncBaseTransport):
    """Answers when it is let, and keeps who was asked for in each request."""

    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.requests: list[list[str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        users = [one.user_id for one in StreamsRequest.model_validate_json(request.content).requests]
        self.requests.append(users)
        self.asked.set()
        await self.answers.wait()
        answers = [nothing_new(user) for user in users]
        return httpx.Response(200, content=StreamsAnswer(answers=answers).model_dump_json(), request=request)


def nothing_new(user_id: str) -> StreamAnswer:
    return StreamAnswer(
        user_id=user_id, reset=False, items=[], head="1:0", unread=0, rev=0, read_seq=0, balances=[]
    )


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


async def test_who_comes_while_a_request_is_under_way_leaves_with_the_others_in_the_next_one() -> None:
    notifier = Slow()
    streams = reader(notifier)
    users = [f"user-{number}" for number in range(4)]
    async with working(streams.run), asyncio.timeout(5), asyncio.TaskGroup() as group:
        reading = [group.create_task(streams.read(users[0], None))]
        await notifier.asked.wait()
        for user in users[1:]:
            reading.append(group.create_task(streams.read(user, None)))
            for _ in range(10):  # Turns of the loop: more than a request takes to leave.
                await asyncio.sleep(0)
        notifier.answers.set()

    assert [task.result().user_id for task in reading] == users
    assert notifier.requests == [users[:1], users[1:]]
