"""One HTTP/1.1 connection that stays open: a client that costs little beside what it measures."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class KeptAlive:
    """Posts one request after the other; connects at the first."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> KeptAlive:
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._streams is not None:
            _, writer = self._streams
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def post(self, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
        """The answer's body; raises ConnectionError for every status but 2xx."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        lines = {
            "Host": f"{self._host}:{self._port}",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        status, *answered = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        size = next(line.partition(":")[2] for line in answered if line.startswith("content-length:"))
        answer = await reader.readexactly(int(size))
        if not status.startswith("http/1.1 2"):
            raise ConnectionError(f"{path}: {status} {answer[:200].decode(errors='replace')}")
        return answer
