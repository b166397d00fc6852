"""Runs one of the two providers until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from sandbox import payments, sms
from sandbox.logs import configure_logs, tell
from sandbox.settings import PORTS, UnusableSettings, read_settings

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
                timeout_keep_alive=10,  # Longer than httpx keeps one: a request would be under way to nobody.
                timeout_graceful_shutdown=5,
            )
        )
        self._closing: asyncio.Event = app.state.foundation.closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """A listening socket and its URL; port 0 is any free one. Raises UnusableSettings."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio sends small answers at once (TCP_NODELAY) on sockets that name it only,
    # and each answer would else wait 40 ms for the caller's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        where = f"{host}:{port}"
        raise UnusableSettings(f"SANDBOX_HOST and SANDBOX_PORT: cannot listen on {where}: {error}") from error
    named = f"[{host}]" if family == socket.AF_INET6 else host
    return listener, f"http://{named}:{listener.getsockname()[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("provider", choices=sorted(PORTS))
    provider = parser.parse_args().provider
    try:
        settings = read_settings(provider, os.environ)
        listener, url = listen(settings.host, settings.port)
    except UnusableSettings as error:
        raise SystemExit(f"sandbox: {error}") from None
    configure_logs()
    server = Server(BUILD[provider](settings, settings.public_url or url))
    tell("listening", provider=provider, url=url)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal it stopped for once more.
        server.run(sockets=[listener])
