"""Runs one of the two providers until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from typing import TYPE_CHECKING

import uvicorn

from sandbox import payments, sms
from sandbox.logs import configure_logs, tell
from sandbox.settings import PORTS, Settings, UnusableSettings, read_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

BUILD = {"payments": payments.build, "sms": sms.build}


class Server(uvicorn.Server):
    """uvicorn waits for open answers before it tells the app, so calls that are held are let go here."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # X-Forwarded-* is the caller's word.
                timeout_graceful_shutdown=5,
            )
        )
        self._closing: asyncio.Event = app.state.foundation.closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


def listen(settings: Settings) -> tuple[socket.socket, str]:
    """A listening socket and its URL; port 0 is any free one. Raises UnusableSettings."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise UnusableSettings(f"SANDBOX_HOST and SANDBOX_PORT: cannot listen on {where}: {error}") from error
    host = f"[{settings.host}]" if family == socket.AF_INET6 else settings.host
    return listener, f"http://{host}:{listener.getsockname()[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("provider", choices=sorted(PORTS))
    provider = parser.parse_args().provider
    try:
        settings = read_settings(provider, os.environ)
        listener, url = listen(settings)
    except UnusableSettings as error:
        raise SystemExit(f"sandbox: {error}") from None
    configure_logs()
    server = Server(BUILD[provider](settings, settings.public_url or url))
    tell("listening", provider=provider, url=url)
    server.run(sockets=[listener])
