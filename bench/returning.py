"""The load process of tabs that come back by themselves, as the SDK does: jitter, a ticket, their cursor."""

from __future__ import annotations

import asyncio
import random
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import orjson
import uvloop

from bench.child import Commands, Json
from bench.client_socket import ClientSocket, OnText
from bench.kept_alive import KeptAlive
from bench.tabs import APPLICATION_PONG, Gateway, transfers_in
from shared.testing.waiting import until

# As web/sdk/retry.js has them for a restart that takes seconds.
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 2.0
ASKING_AT_ONCE = 64  # Connections for tickets; each browser has its own.
PROBE_EVERY_SECONDS = 0.05
LOOK_EVERY_SECONDS = 0.05


@dataclass(eq=False)
class Tab:
    """What it knows, what it has seen since it was lost, and when it was live last."""

    user: str
    token: str
    cursor: str | None = None
    is_live: bool = False
    live_at: float = 0.0
    seen: list[str] = field(default_factory=list)


class Returning:
    """All tabs of one gateway. ``refusals`` are what it says to whom it does not let in, and how often."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._headers = {
            "Host": f"{gateway.host}:{gateway.port}",
            "Origin": gateway.origin,
            "Sec-WebSocket-Protocol": "ledgerbell.v1",
        }
        self._tabs: list[Tab] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._desks: asyncio.Queue[KeptAlive] = asyncio.Queue()
        for _ in range(ASKING_AT_ONCE):
            self._desks.put_nowait(KeptAlive(gateway.host, gateway.port))
        self._is_there = True
        self._refusals: Counter[str] = Counter()
        self._complaints: list[str] = []
        self._resets = 0

    # ------------------------------------------------------------------------ commands

    async def open(self, command: Json) -> Json:
        """A tab for every user of ``tokens``; returns when all of them are live."""
        tokens: Mapping[str, str] = command["tokens"]
        self._tabs = [Tab(user, token) for user, token in tokens.items()]
        self._begin(self._keep_probing())
        for tab in self._tabs:
            self._begin(self._live(tab))
        await self._until(lambda: self._live_tabs == len(self._tabs), command["timeout_seconds"])
        return {}

    async def lost(self, command: Json) -> Json:
        """Waits until every tab is without its line; begins to count refusals, resets and what is seen."""
        await self._until(lambda: self._live_tabs == 0, command["timeout_seconds"])
        self._refusals.clear()
        self._resets = 0
        for tab in self._tabs:
            tab.seen.clear()
        return {}

    async def back(self, command: Json) -> Json:
        """Waits until all are live and have seen ``arrivals``: when each was, and how it was received."""

        def complete() -> bool:
            seen = sum(len(tab.seen) for tab in self._tabs)
            return self._live_tabs == len(self._tabs) and seen >= command["arrivals"]

        await self._until(complete, command["timeout_seconds"])
        return {
            "live_at": sorted(tab.live_at for tab in self._tabs),
            "refusals": dict(self._refusals),
            "resets": self._resets,
            "seen": {tab.user: tab.seen for tab in self._tabs if tab.seen},
        }

    @property
    def _live_tabs(self) -> int:
        return sum(tab.is_live for tab in self._tabs)

    async def _until(self, condition: Callable[[], bool], timeout_seconds: float) -> None:
        async def met() -> bool:
            if self._complaints:
                raise RuntimeError(f"{len(self._complaints)} wrong: {self._complaints[:3]}")
            return condition()

        try:
            await until(met, within_seconds=timeout_seconds, every_seconds=LOOK_EVERY_SECONDS)
        except TimeoutError:
            live = f"{self._live_tabs} of {len(self._tabs)} tabs are live"
            raise RuntimeError(f"{live}; refused: {dict(self._refusals)}") from None

    # ------------------------------------------------------------------------ one tab

    async def _keep_probing(self) -> None:
        """Asks for all of them whether anybody listens: thousands who did would be most of the load."""
        while True:
            try:
                _, writer = await asyncio.open_connection(self._gateway.host, self._gateway.port)
                writer.close()
                self._is_there = True
            except ConnectionError:
                self._is_there = False
            await asyncio.sleep(PROBE_EVERY_SECONDS)

    async def _live(self, tab: Tab) -> None:
        tries = 0
        while True:
            last = tab.live_at
            if self._is_there:
                with suppress(OSError, asyncio.IncompleteReadError):
                    await self._listen_once(tab)
            tries = tries + 1 if tab.live_at == last else 0
            await asyncio.sleep(random.uniform(0, min(LONGEST_SECONDS, FIRST_SECONDS * 2**tries)))

    async def _listen_once(self, tab: Tab) -> None:
        """From ticket to close. Raises OSError or IncompleteReadError when it never became a socket."""
        ticket = await self._ticket(tab)
        socket = ReturningSocket(tab.user, self._gateway.path, self._headers, partial(self._on_text, tab))
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: socket, self._gateway.host, self._gateway.port)
        try:
            await socket.opened
        except ConnectionError as error:
            self._note_refusal(str(error))
            raise
        socket.send_text(orjson.dumps({"type": "hello", "ticket": ticket, "cursor": tab.cursor}))
        await socket.gone.wait()
        if not tab.is_live:
            self._refusals[socket.closed] += 1
        tab.is_live = False

    async def _ticket(self, tab: Tab) -> str:
        desk = await self._desks.get()
        try:
            return str(orjson.loads(await desk.post("/v1/tickets", tab.token))["ticket"])
        except (OSError, asyncio.IncompleteReadError) as error:
            self._note_refusal(str(error))
            await desk.__aexit__()
            desk = KeptAlive(self._gateway.host, self._gateway.port)
            raise
        finally:
            self._desks.put_nowait(desk)

    def _note_refusal(self, said: str) -> None:
        """One that is not there refuses nobody; one that answers does."""
        if found := re.search(r"http/1\.1 \d+", said, re.IGNORECASE):
            self._refusals[found[0]] += 1

    def _on_text(self, tab: Tab, socket: ClientSocket, _: int, payload: bytes) -> None:
        frame: Json = orjson.loads(payload)
        match frame["type"]:
            case "ping":
                socket.send_text(APPLICATION_PONG)
            case "welcome":
                self._resets += frame["resume"] != "ok"
            case "live":
                tab.cursor, tab.is_live, tab.live_at = frame["as_of"], True, time.monotonic()
            case _:
                self._take(tab, frame)

    def _take(self, tab: Tab, frame: Json) -> None:
        for transfer_id, seq in transfers_in(frame):
            epoch, _, known = (tab.cursor or "").partition(":")
            if seq != int(known) + 1:
                self._complaints.append(f"a tab of {tab.user} saw {seq} after {known}")
            tab.cursor = f"{epoch}:{seq}"
            tab.seen.append(transfer_id)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._complaints.append(repr(task.exception()))


class ReturningSocket(ClientSocket):
    """One that tells when it has gone."""

    __slots__ = ("gone",)

    def __init__(self, user: str, path: str, headers: dict[str, str], on_text: OnText) -> None:
        super().__init__(user, path, headers, on_text)
        self.gone = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.gone.set()


async def main() -> None:
    commands, settings = await Commands.open()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tabs = Returning(Gateway(**settings))
    await commands.serve({"open": tabs.open, "lost": tabs.lost, "back": tabs.back})


if __name__ == "__main__":
    uvloop.run(main())
