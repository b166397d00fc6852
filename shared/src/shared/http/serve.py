"""Runs an app under uvicorn with the settings that were measured and the shutdown that is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvicorn

from shared.observability.logs import configure_logs
from shared.observability.metrics import serve_metrics

if TYPE_CHECKING:
    from fastapi import FastAPI

    from shared.settings import ServiceSettings


def serve(app: FastAPI, service: str, settings: ServiceSettings, **options: Any) -> None:
    """Serve until SIGTERM or SIGINT. ``options`` go to uvicorn's Config."""
    configure_logs(service, settings.log_level)
    serve_metrics(settings.metrics_host, settings.metrics_port)
    uvicorn.run(
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
        timeout_graceful_shutdown=10,
        **options,
    )
