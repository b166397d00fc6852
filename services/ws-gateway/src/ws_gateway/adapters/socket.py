"""uvicorn's WebSocket protocol without ASGI behind it: a write is one call, and no socket has a task."""

from __future__ import annotations

import socket as sockets
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, cast

from prometheus_client import Counter
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.typing import Subprotocol

from ws_gateway.domain import ABORT_SECONDS, PROTOCOL_ERROR, SUBPROTOCOL, TOO_SLOW

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from asyncio.transports import BaseTransport
    from collections.abc import Callable

    from uvicorn.config import Config
    from uvicorn.server import ServerState
    from websockets.http11 import Request

PATH = "/v1/ws"
KERNEL_BUFFER_BYTES = 128 * 1024  # Linux would grow it to megabytes for each sleeping tab.
HIGH_WATER_BYTES = 256 * 1024
MAX_BUFFERED_BYTES = 1024 * 1024

CLOSED = Counter("gateway_closed_total", "Sockets the gateway closed, by code.", ["code"])


class SessionKeeper(Protocol):
    """What a socket reports to."""

    def refusal(self, origin: str | None, address: str) -> tuple[int, str] | None: ...
    def opened(self, socket: Any) -> Any: ...
    def closed(self, session: Any) -> None: ...
    def received(self, session: Any, message: bytes) -> None: ...


class TabSocket(WebSocketsSansIOProtocol):
    """One tab's socket. ``write`` is the transport's own method while all is well, and a guard when not."""

    write: Callable[[bytes], None]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.ping_interval = None  # A browser cannot see protocol pings; ours are frames.
        self.conn.available_subprotocols = [Subprotocol(SUBPROTOCOL)]
        self.sessions = cast("SessionKeeper", app_state["sessions"])
        self.session: object | None = None
        self.address = ""
        self.paused_since: float | None = None
        self.write = _discard

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        raw: sockets.socket = self.transport.get_extra_info("socket")
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, KERNEL_BUFFER_BYTES)

    def handle_connect(self, event: Request) -> None:
        path = event.path.partition("?")[0]
        refusal = (
            (404, "not_found: the socket is at /v1/ws")
            if path != PATH
            else self.sessions.refusal(event.headers.get("Origin"), self.address)
        )
        response = self.conn.reject(*refusal) if refusal else self.conn.accept(event)
        self.handshake_initiated = self.handshake_complete = True
        self.conn.send_response(response)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if response.status_code == 101:
            self.write = self.transport.write
            self.session = self.sessions.opened(self)
        else:
            self.close_sent = True
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        message = b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            self.sessions.received(self.session, message)
        else:
            self.drop(PROTOCOL_ERROR, "frames are text")

    def pause_writing(self) -> None:
        """The tab does not read: from here on its buffer is watched."""
        super().pause_writing()
        self.paused_since = monotonic()
        if self.write is not _discard:
            self.write = self._write_bounded

    def resume_writing(self) -> None:
        super().resume_writing()
        self.paused_since = None
        if self.write is not _discard:
            self.write = self.transport.write

    def _write_bounded(self, frame: bytes) -> None:
        if self.transport.get_write_buffer_size() + len(frame) > MAX_BUFFERED_BYTES:
            self.drop(TOO_SLOW, "slow consumer")
        else:
            self.transport.write(frame)

    def drop(self, code: int, reason: str) -> None:
        """Send a close frame, and abort when it is not answered: a stuck peer would hold it for ever."""
        if self.close_sent or self.transport.is_closing():
            return
        CLOSED.labels(code).inc()
        self.write = _discard
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(ABORT_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.write = _discard
        session, self.session = self.session, None
        if session is not None:
            self.sessions.closed(session)


def _discard(_: bytes) -> None:
    """Where frames for a closing socket go; its client resumes by cursor."""
