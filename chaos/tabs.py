"""Tabs that write down everything they hear."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from websockets.exceptions import ConnectionClosed

from chaos.history import History, Value
from ledgerbell.tab import Frame, ProtocolBroken, Tab
from shared.streams import MAX_BEHIND, Cursor

LONGEST_DELAY_SECONDS = 8  # All of them on one machine would not let a gateway come up.


class WitnessTab(Tab):
    """A process of the history, such as ``user-07/tab-2``; closed for good where the protocol is broken."""

    def __init__(
        self, history: History, user: str, number: int, gateway_url: str, token: Callable[[], str]
    ) -> None:
        super().__init__(
            gateway_url, token, f"{user}/tab-{number}", longest_delay_seconds=LONGEST_DELAY_SECONDS
        )
        self.user = user
        self._history = history
        self._connected = False
        self._was_reset = False

    async def __aenter__(self) -> WitnessTab:
        await super().__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await super().__aexit__(*exception)
        if self._connected:
            self._write("closed", "ok")

    @property
    def last_seq(self) -> int:
        return int(self.cursor.partition(":")[2])

    async def read(self, http: httpx.AsyncClient) -> None:
        """Write down the history as it is shown."""
        url, headers = f"{self.gateway_url}/v1/notifications", {"authorization": f"Bearer {self.token()}"}
        answer = (await http.get(url, params={"limit": "100"}, headers=headers)).raise_for_status()
        self._write("read", "ok", answer.json())

    async def _listen(self, http: httpx.AsyncClient) -> None:
        code = 1000
        try:
            await super()._listen(http)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            raise
        except ProtocolBroken as broken:
            self._write("closed", "info", {"error": str(broken)})
            self._connected = False
            raise
        except (OSError, httpx.HTTPError):
            code = 1006
            raise
        finally:
            if self._connected and not self._is_leaving():
                self._write("closed", "info", {"code": code})
                self._connected = False

    async def _take(self, frame: Frame) -> None:
        if frame["type"] == "welcome":
            self._connected = True
            self._write("connected", "info", {"resume": frame["resume"], "session": frame["session"]})
        self._write("frame", "info", frame)
        await super()._take(frame)

    async def send(self, frame: Frame) -> None:
        if frame["type"] == "ack":  # Before: it may arrive without our coming to know of it.
            self._write("acknowledged", "info", {"seq": frame["seq"]})
        await super().send(frame)

    def _apply(self, frame: Frame) -> None:
        """Told to load its history afresh it goes on from its end, as long as that was too far to replay."""
        if frame["type"] == "welcome":
            self._was_reset = frame["resume"] == "reset"
            frame = frame | {"resume": "ok"}
        elif frame["type"] == "live" and self._was_reset:
            last, head = Cursor.parse(self.cursor), Cursor.parse(frame["as_of"])
            if last.epoch == head.epoch and 0 <= head.seq - last.seq <= MAX_BEHIND:
                raise ProtocolBroken(f"reset at {last}, and the head is {head}")
            self.cursor = frame["as_of"]
        super()._apply(frame)

    def _is_leaving(self) -> bool:
        return self._running is not None and self._running.cancelling() > 0

    def _write(self, f: str, type_: str, value: Value | None = None) -> None:
        self._history.add(self.name, f, type_, self.user, value)  # type: ignore[arg-type]
