"""The app factory: trace, limits, headers, problems, health and readiness, the same in every service."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders

from shared.http.auth import Keyring
from shared.http.openapi import complete
from shared.http.problems import Problem, install, unexpected
from shared.observability.logs import get_logger
from shared.observability.metrics import LATENCY_BUCKETS_SECONDS
from shared.observability.trace import continue_trace, traced

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

log = get_logger(__name__)

MAX_BODY_BYTES = 64 * 1024
REQUEST_SECONDS = Histogram(
    "http_request_seconds",
    "Requests by route and status.",
    ["method", "route", "status"],
    buckets=LATENCY_BUCKETS_SECONDS,
)
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=31536000",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}

ReadinessCheck = Callable[[], Awaitable[None]]


def once(check: ReadinessCheck) -> ReadinessCheck:
    """For what must have been there at the start, but whose later absence must not take HTTP away too.

    Behind a load balancer "not ready" means no requests at all: a broker that is away would then cost the
    history, and the polling that is there for just that case.
    """
    passed = False

    async def until_passed() -> None:
        nonlocal passed
        if not passed:
            await check()
            passed = True

    return until_passed


class Service(FastAPI):
    """An app whose document says what all our apps do."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi(), self.state.problems)
        return self.openapi_schema


def create_app(
    title: str,
    *,
    keyring: Keyring,
    routers: Sequence[APIRouter],
    lifespan: Lifespan[FastAPI],
    problems: Mapping[type[Exception], tuple[int, str]] | None = None,
    ready: Mapping[str, ReadinessCheck] | None = None,
    public_docs: bool = True,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """A service's app. ``ready`` checks raise when what they stand for is away; ``/readyz`` names them."""
    app = Service(
        title=title,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if public_docs else None,
        generate_unique_id_function=lambda route: route.name,
        # Ours is `traced`; FastAPI would ask at each request whether somebody wants its own.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.keyring = keyring
    app.state.problems = problems or {}
    for router in routers:
        app.include_router(router)
    install(app, app.state.problems)
    _add_health(app, ready or {})
    app.add_middleware(Edge, max_body_bytes=max_body_bytes)
    return app


def _add_health(app: FastAPI, checks: Mapping[str, ReadinessCheck]) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, str]:
        away = []
        for name, check in checks.items():
            try:
                await check()
            except Exception as error:  # noqa: BLE001  # Any failure means: not ready.
                log.warning("readiness.failed", check=name, error=repr(error))
                away.append(name)
        if away:
            raise Problem(503, "not_ready", f"Waiting for {', '.join(away)}.")
        return {"status": "ready"}


class Edge:
    """Plain ASGI, because BaseHTTPMiddleware cancels handlers when a client goes away."""

    def __init__(self, app: ASGIApp, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = continue_trace(headers.get("traceparent"), headers.get("x-correlation-id"))
        status = 500
        started = False
        begun = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                answer = MutableHeaders(scope=message)
                answer["x-correlation-id"] = trace.correlation_id
                for name, value in SECURITY_HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        with traced(trace):
            try:
                await self._app(scope, _limited(headers, receive, self._max_body_bytes), sending)
            except Exception as error:  # noqa: BLE001  # Nothing beyond this would know how to answer.
                problem = unexpected(error)
                if not started:
                    await problem.response()(scope, receive, sending)
            finally:
                elapsed = time.perf_counter() - begun
                route = getattr(scope.get("route"), "path", "unmatched")
                REQUEST_SECONDS.labels(scope["method"], route, status).observe(elapsed)
                if not route.endswith("z"):
                    log.info(
                        "http.request",
                        method=scope["method"],
                        route=route,
                        status=status,
                        ms=round(elapsed * 1000, 2),
                    )


def _limited(headers: Headers, receive: Receive, most: int) -> Receive:
    declared = headers.get("content-length", "0")
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most or (declared.isdigit() and int(declared) > most):
            raise Problem(413, "too_large", f"A body has at most {most} bytes.")
        return message

    return limited
