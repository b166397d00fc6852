"""A service as a real process, and somebody who kills it with -9 the moment a call of its has had effect."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx

from shared.testing.waiting import until

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Bystander:
    """Stands before a provider, passes everything on, and kills its victim after the ``deadly`` call.

    ``passed`` are the calls so far, such as ``POST /v1/orders``.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self.deadly = ""
        self.victim: asyncio.subprocess.Process | None = None
        self.passed: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive()).get("body", b"")
        call = f"{scope['method']} {scope['path']}"
        headers = [(n, v) for n, v in scope["headers"] if n not in (b"host", b"content-length")]
        query = scope["query_string"].decode()
        async with httpx.AsyncClient(base_url=self._upstream, trust_env=False) as http:
            answer = await http.request(
                scope["method"], f"{scope['path']}?{query}", content=body, headers=headers
            )
        self.passed.append(call)
        if call == self.deadly and self.victim is not None:
            self.victim.kill()
            await self.victim.wait()
            self.victim = None
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kind})
        await send({"type": "http.response.body", "body": answer.content})


class ServiceProcess:
    """Started as in production; ``stop``, or a kill, and a new ``start`` make the next one."""

    def __init__(self, service: str, environment: Mapping[str, str]) -> None:
        self._service = service
        self._environment = environment
        self.process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def start(self) -> asyncio.subprocess.Process:
        """Once it is ready."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, **self._environment, "LEDGERBELL_PORT": str(port)}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._service, env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        async with httpx.AsyncClient(trust_env=False) as http:

            async def ready() -> bool:
                try:
                    return (await http.get(f"{self.url}/readyz")).status_code == 200
                except httpx.HTTPError:
                    return False

            await until(ready)
        return self.process

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            await self.process.wait()
