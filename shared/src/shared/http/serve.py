"""Runs an app under uvicorn with the settings that were measured and the shutdown that is bounded."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import uvicorn
from pydantic import ValidationError

from shared.http.auth import WeakKey
from shared.observability.logs import configure_logs
from shared.observability.metrics import serve_metrics
from shared.settings import ServiceSettings

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

DOORS = 32
# Longer than httpx keeps one, 5 s: where both let go at once, a request is under way to nobody.
KEEP_ALIVE_SECONDS = 10
# So many new objects; Python's own is 700. It saves a tenth of a connect, and 20,000 would save no more.
COLLECT_EVERY = 5_000

Settings = TypeVar("Settings", bound=ServiceSettings)


class _Server(uvicorn.Server):
    """uvicorn closes every connection before it tells the app, so what must come first is done here."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._drain is not None and not self.force_exit:
            await self._drain()
        await super().shutdown(sockets)


def serve(
    build: Callable[[Settings], FastAPI],
    service: str,
    kind: type[Settings],
    *,
    unfit: tuple[type[Exception], ...] = (),
    drain: Callable[[FastAPI], Awaitable[None]] | None = None,
    **options: Any,
) -> None:
    """Serve until SIGTERM or SIGINT; ``drain`` runs first then, while requests are still answered.

    Settings are of ``kind``; ``options`` go to uvicorn's Config. Raises SystemExit, without a traceback,
    where a setting is missing or ``build`` raises WeakKey or one of ``unfit``.
    """
    try:
        settings = kind()
    except ValidationError as error:
        faults = ", ".join(f"LEDGERBELL_{str(e['loc'][0]).upper()} ({e['type']})" for e in error.errors())
        raise SystemExit(f"{service}: set {faults}") from None
    configure_logs(service, settings.log_level)
    refusals: tuple[type[Exception], ...] = (WeakKey, *unfit)
    try:
        app = build(settings)
    except refusals as error:
        raise SystemExit(f"{service}: {error}") from None
    serve_metrics(settings.metrics_host, settings.metrics_port)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # X-Forwarded-* is the caller's word.
        backlog=4096,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
        **options,
    )
    # What is here now stays, and needs not be looked through again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)
    _Server(config, drain and partial(drain, app)).run(doors(config.bind_socket()))


def doors(listening: socket.socket) -> list[socket.socket]:
    """The socket and copies of it, to be served all of them.

    uvloop lets in one connection a turn of its loop, however long that is: while it answers those who are in,
    a crowd that comes back would wait outside until the kernel sends it away. Each copy lets in one more.
    """
    return [listening, *(listening.dup() for _ in range(1, DOORS))]
