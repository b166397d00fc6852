"""The sandbox for tests: a provider in this process on a free port, and a receiver of its webhooks."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from standardwebhooks import Webhook

from sandbox.main import BUILD, Server, listen
from sandbox.records import iso, now
from sandbox.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SECRET = "whsec_c2FuZGJveC1zaWducy13aXRoLXRoaXMtaW4tdGVzdHM="  # noqa: S105  # Opens nothing but tests.
WITHIN_SECONDS = 10


class _InProcess(Server):
    """Signals belong to whoever runs the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(provider: Literal["payments", "sms"], settings: Settings) -> AsyncIterator[str]:
    """Run a provider for the time of a block; yields its URL. Port 0 is any free one."""
    listener, url = listen(settings.host, settings.port)
    app = BUILD[provider](settings, settings.public_url or url)
    async with _running(_InProcess(app), listener):
        yield url


@asynccontextmanager
async def _running(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it arrived, its signature verified."""

    id: str
    type: str
    data: dict[str, Any]
    headers: dict[str, str]


@dataclass(slots=True)
class Receiver:
    """Takes webhooks, or refuses as many as ``refusals`` says with 503 first."""

    url: str
    deliveries: list[Delivery] = field(default_factory=list)
    refused: list[Delivery] = field(default_factory=list)
    refusals: int = 0
    since: str = ""
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def begin(self) -> None:
        """Forget all, and take no notice of events from before: they may still be on their way."""
        self.deliveries.clear()
        self.refused.clear()
        self.refusals = 0
        self.since = iso(now())

    def of(self, kind: str) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if delivery.type == kind]

    async def until(self, count: int, kind: str | None = None) -> list[Delivery]:
        """The deliveries, once there are ``count``, of one type if given. Raises TimeoutError."""

        def arrived() -> list[Delivery]:
            return self.deliveries if kind is None else self.of(kind)

        async with asyncio.timeout(WITHIN_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(arrived()) >= count)
        return arrived()

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        event = json.loads(body)
        Webhook(SECRET).verify(body, headers)
        delivery = Delivery(headers["webhook-id"], event["type"], event["data"], headers)
        status = 204
        if event["timestamp"] < self.since:
            pass
        elif self.refusals:
            self.refusals -= 1
            self.refused.append(delivery)
            status = 503
        else:
            self.deliveries.append(delivery)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        async with self._arrived:
            self._arrived.notify_all()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver of webhooks on a free port, for the time of a block; their secret is ``SECRET``."""
    listener, url = listen("127.0.0.1", 0)
    receiver = Receiver(f"{url}/webhooks")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receiver.take(scope, receive, send)

    async with _running(_Quiet(app), listener):
        yield receiver


class _Quiet(uvicorn.Server):
    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
