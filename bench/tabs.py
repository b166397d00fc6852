"""The load process: thousands of tabs in one loop, and when each of them saw which transfer."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import uvloop

from bench import socket_io
from bench.child import Commands, Json
from bench.client_socket import ClientSocket
from bench.kept_alive import KeptAlive

OPENING_AT_ONCE = 32
READY_SECONDS = 30.0
KNOWN_PAYLOADS = 64
ACKNOWLEDGED_EVERY_SECONDS = 1.0
APPLICATION_PONG = b'{"type":"pong"}'


@dataclass(frozen=True)
class Gateway:
    """Where tabs connect and how: who they are they say with a ticket, in the path, or as Socket.IO does.

    One that does not promise the order of what it sends is not held to it. One that is to hear what its tabs
    have shown is told as by the SDK.
    """

    host: str
    port: int
    path: str
    origin: str = ""
    tickets: bool = False
    socket_io: bool = False
    in_order: bool = True
    acknowledged: bool = False


@dataclass(frozen=True)
class Arrival:
    arrived_ns: int
    transfer_id: str
    user: str
    tab: int


class Tabs:
    """Opens tabs, records what they see and refuses to overlook a hole, a repeat or a lost socket."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._sockets: dict[ClientSocket, int] = {}
        self._live: dict[ClientSocket, asyncio.Future[None]] = {}
        self._arrivals: list[Arrival] = []
        self._last_seq: dict[int, int] = {}
        self._acknowledged: dict[ClientSocket, int] = {}
        self._resting: dict[ClientSocket, asyncio.TimerHandle] = {}
        self._expected = 0
        self._complete = asyncio.Event()
        self._complaints: list[str] = []
        self._known: dict[bytes, list[tuple[str, int]]] = {}

    async def open(self, command: Json) -> Json:
        """Opens `each` tabs for every user of `tokens`; returns when all of them are live."""
        waiting = iter([(u, t) for u, t in command["tokens"].items() for _ in range(command["each"])])
        began = time.monotonic()

        async def opener() -> None:
            async with KeptAlive(self._gateway.host, self._gateway.port) as http:
                for user, token in waiting:
                    async with asyncio.timeout(READY_SECONDS):
                        await self._open_one(user, token, http)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(OPENING_AT_ONCE):
                tasks.create_task(opener())
        return {"tabs": len(self._sockets), "seconds": time.monotonic() - began}

    async def expect(self, command: Json) -> Json:
        """Waits until `arrivals` have come since the last time; fails when they do not."""
        self._expected = command["arrivals"]
        self._complete.clear()
        if len(self._arrivals) < self._expected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), command["timeout_seconds"])
        self._check_health()
        if len(self._arrivals) != self._expected:
            raise RuntimeError(f"{len(self._arrivals)} arrivals instead of {self._expected}")
        arrivals, self._arrivals = self._arrivals, []
        self._check_each_tab_once(arrivals)
        return {"arrivals": [(a.transfer_id, a.arrived_ns) for a in arrivals]}

    async def close(self, _: Json) -> Json:
        self._check_health()
        if self._arrivals:
            raise RuntimeError(f"{len(self._arrivals)} arrivals that nobody expected")
        self.abandon()
        return {}

    def abandon(self) -> None:
        """Closes all sockets, whatever has become of them."""
        for timer in self._resting.values():
            timer.cancel()
        for socket in self._sockets:
            socket.close()
        for known in (self._sockets, self._last_seq, self._acknowledged, self._resting):
            known.clear()

    async def _open_one(self, user: str, token: str, http: KeptAlive) -> None:
        gateway = self._gateway
        headers = {"Host": f"{gateway.host}:{gateway.port}"}
        if gateway.origin:
            headers["Origin"] = gateway.origin
        if gateway.tickets:
            headers["Sec-WebSocket-Protocol"] = "ledgerbell.v1"
        path = gateway.path.format(user=user)
        loop = asyncio.get_running_loop()
        socket = ClientSocket(user, path, headers, self._on_text)
        live = self._live[socket] = loop.create_future()
        self._sockets[socket] = len(self._sockets)
        await loop.create_connection(lambda: socket, gateway.host, gateway.port)
        await socket.opened
        if gateway.tickets:
            ticket = orjson.loads(await http.post("/v1/tickets", token))["ticket"]
            socket.send_text(orjson.dumps({"type": "hello", "ticket": ticket}))
        await live

    def _on_text(self, socket: ClientSocket, arrived_ns: int, payload: bytes) -> None:
        if socket in self._live:
            self._on_opening(socket, payload)
            return
        # Tabs of one user get the same bytes one after the other: reading them once is enough.
        seen = self._known.get(payload)
        if seen is None:
            seen = self._read(socket, payload)
        for transfer_id, seq in seen:
            self._on_notification(Arrival(arrived_ns, transfer_id, socket.user, self._sockets[socket]), seq)
        if seen and self._gateway.acknowledged:
            self._acknowledge(socket)

    def _read(self, socket: ClientSocket, payload: bytes) -> list[tuple[str, int]]:
        frame = self._frame(socket, payload)
        if not frame:
            return []
        if len(self._known) == KNOWN_PAYLOADS:
            self._known.clear()
        seen = self._known[payload] = transfers_in(frame)
        return seen

    def _on_opening(self, socket: ClientSocket, payload: bytes) -> None:
        frame = self._frame(socket, payload)
        if frame.get("type") == "live":
            self._live.pop(socket).set_result(None)
        elif frame.get("type") == "error":
            self._live.pop(socket).set_exception(ConnectionError(payload.decode()))

    def _frame(self, socket: ClientSocket, payload: bytes) -> dict[str, Any]:
        """Empty for what only keeps the line, which is answered here."""
        if self._gateway.socket_io:
            answer = socket_io.answer_to(payload, socket.user)
            if answer:
                socket.send_text(answer)
                return {}
            payload = socket_io.unwrapped(payload)
        frame: dict[str, Any] = orjson.loads(payload)
        if frame["type"] == "ping":
            socket.send_text(APPLICATION_PONG)
            return {}
        return frame

    def _on_notification(self, arrival: Arrival, seq: int) -> None:
        before = self._last_seq.get(arrival.tab)
        if self._gateway.in_order and before is not None and seq != before + 1:
            self._complaints.append(f"a tab of {arrival.user} saw {seq} after {before}")
        self._last_seq[arrival.tab] = seq
        self._arrivals.append(arrival)
        if len(self._arrivals) == self._expected:
            self._complete.set()

    def _acknowledge(self, socket: ClientSocket) -> None:
        """The highest at once, then at most once a second."""
        seq = self._last_seq[self._sockets[socket]]
        if socket in self._resting or seq == self._acknowledged.get(socket) or socket.closed:
            return
        self._acknowledged[socket] = seq
        socket.send_text(orjson.dumps({"type": "ack", "seq": seq}))
        self._resting[socket] = asyncio.get_running_loop().call_later(
            ACKNOWLEDGED_EVERY_SECONDS, self._rested, socket
        )

    def _rested(self, socket: ClientSocket) -> None:
        del self._resting[socket]
        self._acknowledge(socket)

    def _check_health(self) -> None:
        lost = [socket.closed for socket in self._sockets if socket.closed]
        problems = self._complaints[:3] + lost[:3]
        if problems:
            raise RuntimeError(f"{len(self._complaints)} wrong, {len(lost)} sockets lost: {problems}")

    def _check_each_tab_once(self, arrivals: Sequence[Arrival]) -> None:
        different = {(arrival.transfer_id, arrival.tab) for arrival in arrivals}
        if len(different) != len(arrivals):
            raise RuntimeError(f"{len(arrivals) - len(different)} arrivals were repeats")


def transfers_in(frame: dict[str, Any]) -> list[tuple[str, int]]:
    """Transfer, or else link, and sequence number of each notification in a frame; counts have none."""
    if frame["type"] == "batch":
        return [seen for inner in frame["frames"] for seen in transfers_in(inner)]
    if frame["type"] == "notification":
        return [(frame.get("transfer_id") or frame["link"], frame["seq"])]
    return []


async def main() -> None:
    commands, settings = await Commands.open()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tabs = Tabs(Gateway(**settings))
    await commands.serve({"open": tabs.open, "expect": tabs.expect, "close": tabs.close})


if __name__ == "__main__":
    uvloop.run(main())
