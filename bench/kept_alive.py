"""One HTTP/1.1 connection that stays open: a client that costs little beside what it measures."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class KeptAlive:
    """Sends one request after the other; connects at the first, and once the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> KeptAlive:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._close()

    @property
    def is_open(self) -> bool:
        """A server closes what was idle for seconds, which on a busy machine is soon."""
        if self._streams is None:
            return False
        reader, _ = self._streams
        return not reader.at_eof() and reader.exception() is None

    async def get(self, path: str, token: str) -> bytes:
        """The answer's body; raises ConnectionError for every status but 2xx."""
        return await self._ask("GET", path, token, b"", {})

    async def post(self, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
        """The same."""
        lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        return await self._ask("POST", path, token, body, lines)

    async def _ask(self, method: str, path: str, token: str, body: bytes, headers: dict[str, str]) -> bytes:
        reader, writer = await self._connected()
        lines = {"Host": f"{self._host}:{self._port}", "Authorization": f"Bearer {token}", **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        status, *answered = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        size = next(line.partition(":")[2] for line in answered if line.startswith("content-length:"))
        answer = await reader.readexactly(int(size))
        if not status.startswith("http/1.1 2"):
            raise ConnectionError(f"{path}: {status} {answer[:200].decode(errors='replace')}")
        return answer

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.is_open:
            await self._close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        return self._streams

    async def _close(self) -> None:
        if self._streams is None:
            return
        _, writer = self._streams
        self._streams = None
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
