"""A browser tab without a browser: the protocol's client side, for stories, tests and faults."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from time import time
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin, Subprotocol

Frame = dict[str, Any]

ACK_SECONDS = 1.0
AWAY = (OSError, WebSocketException, httpx.HTTPError, TimeoutError)


@cache
def _tls() -> ssl.SSLContext:
    """One for all tabs: to read what is trusted costs more than to connect."""
    return httpx.create_ssl_context(trust_env=False)


class ProtocolBroken(Exception):
    """The gateway did what protocol.md rules out."""


@dataclass(frozen=True, slots=True)
class Received:
    """One notification as a tab got it, ``at`` seconds of the wall clock."""

    frame: Frame
    at: float

    @property
    def text(self) -> str:
        return str(self.frame["text"])


@dataclass
class Tab:
    """Stays connected until left; resumes from its cursor after every loss."""

    gateway_url: str
    token: Callable[[], str]
    name: str = "tab"
    cursor: str = "1:0"
    origin: str | None = None  # Of its page, where that is not the gateway.
    longest_delay_seconds: float = 2.0  # Between two tries to connect.
    received: list[Received] = field(default_factory=list)
    doubled: int = 0
    unread: int = 0
    rev: int = 0
    read_ids: set[str] = field(default_factory=set)
    read_seq: int = 0
    balances: dict[str, Frame] = field(default_factory=dict)
    loads_history: bool = False  # After a reset, which otherwise breaks the protocol.
    resets: int = 0
    sessions: int = 0
    closes: list[int] = field(default_factory=list)
    live: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _shown: asyncio.Event = field(default_factory=asyncio.Event)  # What is not acknowledged yet.
    _is_reset: bool = False
    _running: asyncio.Task[None] | None = None
    _socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        await self.until(self.live.is_set)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._socket is not None and self._shown.is_set():
                with suppress(ConnectionClosed):
                    await self._acknowledge()
        finally:
            if self._running is not None:
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for a condition on what was received.

        Raises:
            TimeoutError: it did not come true in time.
            ProtocolBroken: the gateway broke the protocol.
        """
        async with asyncio.timeout(seconds), self._news:
            while not condition():
                if self._running is not None and self._running.done():
                    self._running.result()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.5)

    @property
    def seqs(self) -> list[int]:
        return [received.frame["seq"] for received in self.received]

    async def break_off(self) -> None:
        """Lose the connection the way a network does."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def send(self, frame: Frame) -> None:
        assert self._socket is not None
        await self._socket.send(orjson.dumps(frame).decode())

    async def _run(self) -> None:
        delay = 0.1
        async with httpx.AsyncClient(
            base_url=self.gateway_url, verify=_tls(), trust_env=False, timeout=5
        ) as http:
            while True:
                try:
                    await self._listen(http)
                except ConnectionClosed as closed:
                    self.closes.append(closed.rcvd.code if closed.rcvd else 1006)
                    if 4500 <= self.closes[-1] <= 4999:
                        raise ProtocolBroken(f"closed for good: {closed}") from None
                except AWAY:
                    pass
                finally:
                    self._socket = None
                delay = 0.1 if self.live.is_set() else min(self.longest_delay_seconds, delay * 2)
                self.live.clear()
                await asyncio.sleep(random.uniform(0.02, delay))  # Full jitter, as browsers do.

    async def _listen(self, http: httpx.AsyncClient) -> None:
        response = await http.post("/v1/tickets", headers={"authorization": f"Bearer {self.token()}"})
        response.raise_for_status()
        parts = urlsplit(self.gateway_url)
        async with connect(
            f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/v1/ws",
            origin=Origin(self.origin or self.gateway_url),
            subprotocols=[Subprotocol("ledgerbell.v1")],
            open_timeout=5,
            close_timeout=1,
            ping_interval=None,
            max_size=2**20,
            proxy=None,
            compression=None,
        ) as socket:
            self._socket = socket
            await self.send({"type": "hello", "ticket": response.json()["ticket"], "cursor": self.cursor})
            acknowledging = asyncio.create_task(self._keep_acknowledging())
            try:
                async for message in socket:
                    frame = orjson.loads(message)
                    if frame["type"] == "live" and self._is_reset:
                        await self._load_history(http, frame["as_of"])
                    await self._take(frame)
            finally:
                acknowledging.cancel()
                await asyncio.gather(acknowledging, return_exceptions=True)

    async def _keep_acknowledging(self) -> None:
        """The newest only, at most once a second; what came meanwhile is said after that, the last too."""
        await self.live.wait()  # Before, this session was shown nothing as far as the gateway knows.
        while True:
            await self._shown.wait()
            await self._acknowledge()
            await asyncio.sleep(ACK_SECONDS)

    async def _acknowledge(self) -> None:
        self._shown.clear()
        await self.send({"type": "ack", "seq": int(self.cursor.partition(":")[2])})

    async def _load_history(self, http: httpx.AsyncClient, as_of: str) -> None:
        """The newest page; what the socket says next begins after ``as_of``."""
        answer = await http.get("/v1/notifications", headers={"authorization": f"Bearer {self.token()}"})
        items = reversed(answer.raise_for_status().json()["items"])
        last = int(as_of.partition(":")[2])
        self.received = [Received(item, time()) for item in items if item["seq"] <= last]
        self.read_ids, self.read_seq, self.cursor = set(), 0, as_of
        self._is_reset = False

    async def _take(self, frame: Frame) -> None:
        async with self._news:
            self._apply(frame)
            self._news.notify_all()
        if frame["type"] == "ping":
            await self.send({"type": "pong"})
        elif frame["type"] in ("notification", "batch", "live") and self.received:
            self._shown.set()  # With "live" too: what the socket before was told may be lost.

    def _apply(self, frame: Frame) -> None:
        match frame["type"]:
            case "batch":
                for each in frame["frames"]:
                    self._apply(each)
            case "notification":
                self._apply_notification(frame)
                self._count(frame)
            case "balance":
                self._apply_balance(frame)
            case "read":
                self.read_ids |= set(frame["ids"])
                self.read_seq = max(self.read_seq, frame["read_seq"])
                self._count(frame)
            case "welcome":
                self.sessions += 1
                if frame["resume"] == "reset":
                    if not self.loads_history:
                        raise ProtocolBroken("reset: this client keeps no history to load")
                    self.resets += 1
                    self._is_reset = True
            case "live":
                if frame["as_of"] != self.cursor:
                    raise ProtocolBroken(
                        f"live as of {frame['as_of']}, but the replay ended at {self.cursor}"
                    )
                self.read_seq = max(self.read_seq, frame["read_seq"])
                self._count(frame)
                for balance in frame["balances"]:
                    self._apply_balance(balance)
                self.live.set()

    def _apply_notification(self, frame: Frame) -> None:
        epoch, _, last = self.cursor.partition(":")
        if frame["seq"] <= int(last):
            self.doubled += 1
            return
        if frame["seq"] != int(last) + 1:
            raise ProtocolBroken(f"{frame['seq']} came after {last}")
        self.cursor = f"{epoch}:{frame['seq']}"
        self.received.append(Received(frame, time()))

    def _apply_balance(self, frame: Frame) -> None:
        known = self.balances.get(frame["currency"])
        if known is None or frame["version"] > known["version"]:
            self.balances[frame["currency"]] = frame

    def _count(self, frame: Frame) -> None:
        if frame.get("rev", 0) > self.rev:
            self.rev, self.unread = frame["rev"], frame["unread"]
