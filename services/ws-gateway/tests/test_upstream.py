"""What the gateway says of a service that does not answer in time, and which request has more of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request, Response

from shared.clients import http_client
from shared.http.problems import Problem
from shared.testing.serving import served
from ws_gateway.adapters.upstream import Upstreams


class Slow:
    """A service that answers when it is let."""

    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self._answer, methods=["GET", "POST"])

    async def _answer(self) -> Response:
        self.asked.set()
        await self.answers.wait()
        return Response("done")


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def upstreams(slow: Slow) -> AsyncIterator[Upstreams]:
    async with served(slow.app) as url, http_client("", 0.3) as http:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        yield Upstreams(http, {"streams": url, "payments": url, "refunds": nobody})
        slow.answers.set()


def request(path: str, **headers: str) -> Request:
    async def body() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    said = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": said,
    }
    return Request(scope, body)


async def test_a_stream_that_is_made_anew_has_more_time_than_others_have(
    upstreams: Upstreams, slow: Slow
) -> None:
    rebuilding = asyncio.create_task(upstreams.forward(request("/v1/streams/user-1/rebuild")))
    await slow.asked.wait()
    for path in ("/v1/streams/rebuild", "/v1/streams/user-1/rebuild/rebuild", "/v1/payments/user-1/rebuild"):
        with pytest.raises(Problem) as unanswered:
            await upstreams.forward(request(path))
        assert unanswered.value.status == 504
    slow.answers.set()

    assert (await rebuilding).body == b"done"


@pytest.mark.parametrize(
    ("headers", "then"),
    [
        ({}, "look before you send it again."),
        ({"idempotency_key": "k"}, "send the same request with the same Idempotency-Key again."),
    ],
)
async def test_who_has_no_answer_is_told_what_to_do_about_it(
    upstreams: Upstreams, headers: dict[str, str], then: str
) -> None:
    with pytest.raises(Problem) as unanswered:
        await upstreams.forward(request("/v1/payments", **headers))

    assert (unanswered.value.status, unanswered.value.code) == (504, "outcome_unknown")
    assert unanswered.value.detail == f"It may have been done: {then}"


async def test_a_service_that_is_not_there_has_done_nothing(upstreams: Upstreams) -> None:
    with pytest.raises(Problem) as away:
        await upstreams.forward(request("/v1/refunds"))

    assert (away.value.status, away.value.code) == (502, "service_away")
