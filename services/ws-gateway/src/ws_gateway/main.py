"""The gateway, put together: sockets and polls in front, the broker's feed and the notifier behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field
from starlette.middleware.cors import CORSMiddleware

from shared.clients import http_client
from shared.events.notifier import EXCHANGE
from shared.events.receipts import EXCHANGE as RECEIPTS
from shared.http import Keyring, Workers, create_app, once, serve
from shared.http.auth import ServiceToken
from shared.messaging import FanoutListener, Publisher
from shared.messaging.connection import keep_checking
from shared.messaging.vitals import Vitals
from shared.settings import ServiceSettings
from web import OPS, SDK, WALLET
from ws_gateway.adapters.files import FOR_EVERY_SITE, files
from ws_gateway.adapters.notifier import StreamReader
from ws_gateway.adapters.sign_in import Environment, NoDemo, SignIn
from ws_gateway.adapters.socket import TabSocket
from ws_gateway.adapters.tickets import Tickets
from ws_gateway.adapters.upstream import CALL_SECONDS, Upstreams
from ws_gateway.api import demo_router, router
from ws_gateway.consumers import listen, listen_to_vitals
from ws_gateway.domain import MAX_FRAME_BYTES, Limits
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.receipts import Receipts
from ws_gateway.handlers.sessions import Sessions
from ws_gateway.handlers.vitals import Watch, reading

SERVICE = "ws-gateway"
DRAIN_SECONDS = 3.0


class Settings(ServiceSettings):
    """The gateway's own. ``allowed_origins`` are separated by commas, each exactly as browsers send it."""

    credit_url: str
    monitor_url: str
    notifier_url: str
    payment_url: str
    refund_url: str
    verification_url: str
    ticket_secret: str
    service_key: str
    allowed_origins: str
    environment: Environment = "production"
    demo_sign_in_key: str = Field("", repr=False)
    sockets_per_user: Annotated[int, Field(gt=0)] = 20
    sockets_per_address: Annotated[int, Field(gt=0)] = 1000


def build(settings: Settings) -> FastAPI:
    """The app. ``app.state.sessions`` is what drains before it ends.

    Raises:
        NoDemo: anybody would be let in where they must not be.
    """
    limits = Limits(per_user=settings.sockets_per_user, per_address=settings.sockets_per_address)
    origins = frozenset(o.strip() for o in settings.allowed_origins.split(",") if o.strip())
    keyring = Keyring.from_json(settings.auth_keys)
    sign_in = None
    if settings.demo_sign_in_key:
        sign_in = SignIn(settings.demo_sign_in_key, settings.environment, origins, keyring)
    notifier = http_client(settings.notifier_url, CALL_SECONDS)
    upstream = http_client("", CALL_SECONDS)
    reader = StreamReader(notifier, ServiceToken(SERVICE, settings.service_key))
    publisher = Publisher(settings.broker_url, f"{SERVICE}.receipts")
    receipts = Receipts(publisher)
    hub = Hub(reader, limits, receipts)
    tickets = Tickets(settings.ticket_secret)
    watch = Watch()
    sessions = Sessions(hub, receipts, tickets, limits, origins, watch)
    listener = listen(settings.broker_url, hub)
    preflight = partial(keep_checking, settings.broker_url, SERVICE, exchanges=(EXCHANGE, RECEIPTS))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        workers, telling = Workers(), Workers()
        telling.start("publisher", publisher.run)
        workers.start("feed", listener.run)
        workers.start("streams", reader.run)
        workers.start("heads", hub.keep_comparing)
        workers.start("sweep", sessions.keep_sweeping)
        workers.start("preflight", preflight)
        workers.start("receipts", receipts.keep_telling)
        workers.start("vitals", Vitals(settings.broker_url, SERVICE, read=reading).run)
        workers.start("vitals.feed", listen_to_vitals(settings.broker_url, watch).run)
        workers.start("watch", watch.keep_telling)
        try:
            yield {"sessions": sessions}  # uvicorn hands this to each socket.
        finally:
            await workers.stop()
            await receipts.drain(DRAIN_SECONDS)
            await telling.stop()
            await notifier.aclose()
            await upstream.aclose()

    app = create_app(
        "Ledgerbell ws-gateway",
        keyring=keyring,
        routers=[router] if sign_in is None else [router, demo_router],
        lifespan=lifespan,
        ready={
            "broker": once(partial(_listening, listener)),
            "draining": partial(_not_draining, sessions),
        },
        public_docs=False,
    )
    app.state.tickets, app.state.hub, app.state.sessions = tickets, hub, sessions
    app.state.origins = origins
    app.state.sign_in = sign_in
    services = {
        "accounts": settings.credit_url,
        "payments": settings.payment_url,
        "refunds": settings.refund_url,
        "verifications": settings.verification_url,
        "notifications": settings.notifier_url,
        "streams": settings.notifier_url,
        "activity": settings.monitor_url,
        "evidence": settings.notifier_url,
        "trail": settings.notifier_url,
        "coverage": settings.notifier_url,
        "dead-letters/credit": settings.credit_url,
        "dead-letters/payment": settings.payment_url,
        "dead-letters/refund": settings.refund_url,
        "dead-letters/monitor": settings.monitor_url,
        "dead-letters/notifier": settings.notifier_url,
    }
    app.state.upstreams = Upstreams(upstream, services)
    app.mount("/sdk/v1", files(SDK, FOR_EVERY_SITE))
    app.mount("/wallet", files(WALLET))
    app.mount("/ops", files(OPS))
    _let_in(app, origins)
    return app


def _let_in(app: FastAPI, origins: frozenset[str]) -> None:
    """Pages served from elsewhere may call what the page served from here may."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sorted(origins),
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=["authorization", "content-type", "idempotency-key", "if-none-match"],
        expose_headers=["etag", "link", "retry-after", "x-poll-interval", "x-correlation-id"],
    )


async def _listening(listener: FanoutListener) -> None:
    if not listener.listening.is_set():
        raise ConnectionError("not listening to the broker")


async def _not_draining(sessions: Sessions) -> None:
    if sessions.draining:
        raise ConnectionError("draining")


async def _drain(app: FastAPI) -> None:
    sessions: Sessions = app.state.sessions
    await sessions.drain()


def main() -> None:
    serve(
        build,
        SERVICE,
        Settings,
        unfit=(NoDemo,),
        drain=_drain,
        ws=TabSocket,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
    )
