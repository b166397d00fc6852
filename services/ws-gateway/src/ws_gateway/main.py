"""Wiring: everything is built here by calling constructors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import FastAPI
from pydantic import Field
from starlette.middleware.cors import CORSMiddleware

from shared.events.notifier import EXCHANGE
from shared.http import Keyring, Workers, create_app, serve
from shared.http.auth import ServiceToken
from shared.messaging.connection import keep_checking
from shared.settings import ServiceSettings
from ws_gateway.adapters.notifier import StreamReader
from ws_gateway.adapters.socket import TabSocket
from ws_gateway.adapters.tickets import Tickets
from ws_gateway.adapters.upstream import Upstreams
from ws_gateway.api import PAGE, PageFiles, router
from ws_gateway.consumers import listen
from ws_gateway.domain import MAX_FRAME_BYTES, Limits
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.sessions import Sessions


class Settings(ServiceSettings):
    """The gateway's own. ``allowed_origins`` are separated by commas, each exactly as browsers send it."""

    credit_url: str
    notifier_url: str
    ticket_secret: str
    service_key: str
    allowed_origins: str
    sockets_per_user: Annotated[int, Field(gt=0)] = 20
    sockets_per_address: Annotated[int, Field(gt=0)] = 1000


class Gateway:
    """The process: its app, and what drains before it ends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        limits = Limits(per_user=settings.sockets_per_user, per_address=settings.sockets_per_address)
        self._origins = frozenset(o.strip() for o in settings.allowed_origins.split(",") if o.strip())
        self._notifier = _client(settings.notifier_url)
        self._upstream = _client("")
        self._reader = StreamReader(self._notifier, ServiceToken("ws-gateway", settings.service_key))
        self._hub = Hub(self._reader, limits)
        self._tickets = Tickets(settings.ticket_secret)
        self.sessions = Sessions(self._hub, self._tickets, limits, self._origins)
        self._listener = listen(settings.broker_url, self._hub)
        self._upstreams = Upstreams(
            self._upstream, {"accounts": settings.credit_url, "notifications": settings.notifier_url}
        )

    def app(self) -> FastAPI:
        app = create_app(
            "Ledgerbell ws-gateway",
            keyring=Keyring.from_json(self._settings.auth_keys),
            routers=[router],
            lifespan=self._lifespan,
            ready={"broker": self._listening, "draining": self._not_draining},
            public_docs=False,
        )
        app.state.tickets, app.state.hub = self._tickets, self._hub
        app.state.reader, app.state.upstreams = self._reader, self._upstreams
        app.mount("/page", PageFiles(directory=PAGE))
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(self._origins),
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=["authorization", "content-type", "idempotency-key", "if-none-match"],
            expose_headers=["etag", "link", "retry-after", "x-poll-interval", "x-correlation-id"],
        )
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[dict[str, Any]]:
        workers = Workers()
        workers.start("feed", self._listener.run)
        workers.start("streams", self._reader.run)
        workers.start("heads", self._hub.keep_comparing)
        workers.start("sweep", self.sessions.keep_sweeping)
        workers.start("preflight", self._check_broker)
        yield {"sessions": self.sessions}  # uvicorn hands this to each socket.
        await workers.stop()
        await self._notifier.aclose()
        await self._upstream.aclose()

    async def _check_broker(self) -> None:
        await keep_checking(self._settings.broker_url, "ws-gateway", exchanges=(EXCHANGE,))

    async def _listening(self) -> None:
        if not self._listener.listening.is_set():
            raise ConnectionError("not listening to the broker")

    async def _not_draining(self) -> None:
        if self.sessions.draining:
            raise ConnectionError("draining")


def _client(base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(10, connect=2),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=50),
        follow_redirects=False,
        trust_env=False,
    )


def main() -> None:
    settings = Settings()
    gateway = Gateway(settings)
    serve(
        gateway.app(),
        "ws-gateway",
        settings,
        drain=gateway.sessions.drain,
        ws=TabSocket,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
    )
