"""Sockets from handshake to close: admission, hello, limits, silence, token end, draining."""

from __future__ import annotations

import asyncio
import random
from collections import Counter as Tally
from dataclasses import dataclass
from time import monotonic, time
from typing import Annotated, Literal
from uuid import uuid4

from prometheus_client import Counter, Gauge
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.http.auth import OPERATOR
from shared.observability.logs import get_logger
from shared.streams import Cursor, CursorText
from ws_gateway import domain
from ws_gateway.adapters import frames
from ws_gateway.adapters.tickets import InvalidTicket, Tickets
from ws_gateway.domain import Limits, Refused, retry
from ws_gateway.handlers.channel import Socket, Tab
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.receipts import Receipts
from ws_gateway.handlers.vitals import Watch

log = get_logger(__name__)

SWEEP_SECONDS = 1.0
DRAIN_A_SECOND = 250
DRAIN_AT_MOST_SECONDS = 20

SOCKETS = Gauge("gateway_sockets", "Open sockets, before and after their hello.")
ACKNOWLEDGED = Counter("gateway_acknowledged_total", "Acknowledgements of what tabs have shown.")


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Hello(_Frame):
    type: Literal["hello"]
    ticket: Annotated[str, Field(max_length=domain.MAX_HELLO_BYTES)]
    cursor: CursorText | None = None


class _Ack(_Frame):
    type: Literal["ack"]
    seq: Annotated[int, Field(ge=0)]


class _Pong(_Frame):
    type: Literal["pong"]


class _Watch(_Frame):
    """An operator wants to be told how the system is."""

    type: Literal["watch"]


_FROM_CLIENT: TypeAdapter[_Hello | _Ack | _Pong | _Watch] = TypeAdapter(
    Annotated[_Hello | _Ack | _Pong | _Watch, Field(discriminator="type")]
)
_MAY_NOT_WATCH = frames.frame(
    {"type": "error", "code": "forbidden", "message": "Watching needs the role operator.", "ref": "watch"}
)


class TabSocket(Socket):
    """A socket as a session sees it."""

    address: str
    paused_since: float | None


@dataclass(slots=True, eq=False)
class Session:
    """One socket's state. ``tab`` is there once its ticket was redeemed."""

    socket: TabSocket
    opened_at: float
    heard_at: float
    ping_slot: int
    id: str
    messages: int = 0
    ends_at: float = 0
    may_watch: bool = False
    tab: Tab | None = None
    joining: asyncio.Task[None] | None = None


class Sessions:
    """All sockets of this process."""

    def __init__(
        self,
        hub: Hub,
        receipts: Receipts,
        tickets: Tickets,
        limits: Limits,
        allowed_origins: frozenset[str],
        watch: Watch,
    ) -> None:
        self._hub = hub
        self._watch = watch
        self._receipts = receipts
        self._tickets = tickets
        self._limits = limits
        self._origins = allowed_origins
        self._open: set[Session] = set()
        self._by_address: Tally[str] = Tally()
        self._without_hello = 0
        self.draining = False

    # -------------------------------------------------------------- admission

    def refusal(self, origin: str | None, address: str) -> tuple[int, str] | None:
        """Why a handshake is refused before it is accepted: status and reason."""
        if origin not in self._origins:
            log.warning("socket.origin_refused", origin=(origin or "")[:200])
            return 403, "origin_refused: this page's origin is not on the gateway's list"
        if self.draining:
            return 503, "draining: connect again in a moment"
        if self._without_hello >= self._limits.unauthenticated:
            return 503, "too_many_unauthenticated: connect again in a moment"
        if self._by_address[address] >= self._limits.per_address:
            return 429, "too_many_sockets: this address has as many as it may"
        return None

    def opened(self, socket: TabSocket) -> Session:
        now = monotonic()
        slot = random.randrange(domain.PING_SECONDS)
        session = Session(socket, now, now, slot, uuid4().hex)
        self._open.add(session)
        self._by_address[socket.address] += 1
        self._without_hello += 1
        SOCKETS.inc()
        return session

    def closed(self, session: Session) -> None:
        self._open.discard(session)
        self._watch.end(session.socket)
        self._by_address[session.socket.address] -= 1
        if not self._by_address[session.socket.address]:
            del self._by_address[session.socket.address]
        SOCKETS.dec()
        if session.tab is None:
            self._without_hello -= 1
        else:
            self._hub.leave(session.tab)

    # -------------------------------------------------------------- what clients say

    def received(self, session: Session, message: bytes) -> None:
        session.heard_at = monotonic()
        session.messages += 1
        try:
            self._obey(session, message)
        except Refused as refused:
            session.socket.drop(refused.code, refused.reason)

    def _obey(self, session: Session, message: bytes) -> None:
        if session.messages > domain.MAX_MESSAGES_A_MINUTE:
            raise Refused(domain.TOO_MANY, retry(60_000))
        try:
            said = _FROM_CLIENT.validate_json(message)
        except ValidationError:
            raise Refused(domain.PROTOCOL_ERROR, "not a frame of ledgerbell.v1") from None
        match said:
            case _Hello():
                if len(message) > domain.MAX_HELLO_BYTES:
                    raise Refused(domain.PROTOCOL_ERROR, "a hello has at most 1 KB")
                self._hello(session, said)
            case _ if session.tab is None:
                raise Refused(domain.PROTOCOL_ERROR, "the first frame is a hello")
            case _Ack():
                ACKNOWLEDGED.inc()
                seq = min(said.seq, session.tab.seq)  # It cannot have shown what it was not sent.
                if seq > session.tab.shown:
                    self._receipts.acknowledged(session.id, session.tab, seq)
            case _Watch():
                if session.may_watch:
                    self._watch.begin(session.socket)
                else:
                    session.socket.write(_MAY_NOT_WATCH)
            case _Pong():
                pass  # Being heard from is all a pong is for.

    def _hello(self, session: Session, hello: _Hello) -> None:
        try:
            ticket = self._tickets.redeem(hello.ticket)
        except InvalidTicket as invalid:
            log.info("socket.ticket_refused", reason=str(invalid))
            raise Refused(domain.UNAUTHENTICATED, "ticket refused: fetch a new one") from None
        if session.tab is not None and ticket.user_id != session.tab.user_id:
            raise Refused(domain.UNAUTHENTICATED, "the ticket is another user's")
        session.ends_at = ticket.session_ends_at
        session.may_watch = OPERATOR in ticket.roles
        if session.tab is not None:
            if not session.may_watch:
                self._watch.end(session.socket)
            # A live socket has shown that its user is still signed in.
            session.socket.write(frames.frame(_welcome(session) | {"resume": "ok"}))
            return
        session.tab = Tab(ticket.user_id, session.socket)
        self._without_hello -= 1
        after = None if hello.cursor is None else Cursor.parse(hello.cursor)
        session.joining = asyncio.create_task(self._join(session, session.tab, after))

    async def _join(self, session: Session, tab: Tab, after: Cursor | None) -> None:
        try:
            await self._hub.join(tab, after, _welcome(session))
        except Refused as refused:
            session.socket.drop(refused.code, refused.reason)
        except Exception as error:  # A task's error is seen by nobody else.
            log.error("socket.join_failed", exc_info=error)
            session.socket.drop(domain.TRY_LATER, retry(1000))
        finally:
            session.joining = None

    # -------------------------------------------------------------- time passes

    async def keep_sweeping(self) -> None:
        """One walk a second does what a timer per socket would, at a fraction of its cost."""
        tick = 0
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            tick += 1
            self._tickets.forget_expired()
            for count, session in enumerate(list(self._open)):
                self._sweep(session, tick)
                if count % 1000 == 999:
                    await asyncio.sleep(0)

    def _sweep(self, session: Session, tick: int) -> None:
        now = monotonic()
        if tick % 60 == 0:
            session.messages = 0
        if session.tab is None:
            if now - session.opened_at > domain.HELLO_SECONDS:
                session.socket.drop(domain.TRY_LATER, "no hello within 5 s")
        elif time() >= session.ends_at:
            session.socket.drop(domain.UNAUTHENTICATED, "the token has ended")
        elif now - session.heard_at > domain.SILENCE_SECONDS:
            session.socket.drop(domain.GOING_AWAY, "silent")
        elif session.socket.paused_since is not None:
            if now - session.socket.paused_since > domain.SLOW_SECONDS:
                session.socket.drop(domain.TOO_SLOW, "slow consumer")
        elif tick % domain.PING_SECONDS == session.ping_slot:
            session.socket.write(frames.PING)

    async def drain(self) -> None:
        """Send every tab away with a hint when to return, slowly enough for the others to take them in."""
        self.draining = True
        rate = max(DRAIN_A_SECOND, len(self._open) // DRAIN_AT_MOST_SECONDS + 1)
        log.info("gateway.draining", sockets=len(self._open), a_second=rate)
        for count, session in enumerate(list(self._open), start=1):
            session.socket.drop(domain.RESTART, retry(random.randrange(200, 3000)))
            if count % max(1, rate // 10) == 0:
                await asyncio.sleep(0.1)
        self._hub.dismiss()


def _welcome(session: Session) -> dict[str, object]:
    return {
        "type": "welcome",
        "session": session.id,
        "ping_s": domain.PING_SECONDS,
        "expires_at": int(session.ends_at),
    }
