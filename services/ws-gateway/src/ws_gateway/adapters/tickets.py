"""Tickets for the socket: sealed, good for 30 s and one use, so no token ever stands in a URL."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import orjson
from cryptography import fernet

from shared.http.auth import MIN_SECRET_BYTES, Identity, WeakKey

TICKET_SECONDS = 30
# Fernet takes what a gateway whose clock is a minute ahead has issued.
REMEMBERED_SECONDS = TICKET_SECONDS + 60


class InvalidTicket(Exception):
    """Not ours, too old, or used before."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose socket it opens, when the token behind it ends (epoch seconds), and what that may do."""

    user_id: str
    session_ends_at: int
    roles: frozenset[str]


class Tickets:
    """Issues and redeems. Used ones are remembered per process, for as long as they would be valid.

    Fernet and not a JWT: nobody else reads them, and every tab that connects pays for its ticket.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise WeakKey(f"LEDGERBELL_TICKET_SECRET has fewer than {MIN_SECRET_BYTES} bytes")
        key = hashlib.sha256(secret.encode()).digest()
        self._fernet = fernet.Fernet(base64.urlsafe_b64encode(key))
        self._clock = clock
        self._used: dict[str, float] = {}

    def issue(self, identity: Identity) -> str:
        content = [uuid4().hex, identity.user_id, identity.expires_at, sorted(identity.roles)]
        return self._fernet.encrypt_at_time(orjson.dumps(content), int(self._clock())).decode()

    def redeem(self, ticket: str) -> Ticket:
        """Raises InvalidTicket."""
        try:
            # In whole seconds: one that was issued at the end of its second has a part of another.
            content = self._fernet.decrypt_at_time(ticket, TICKET_SECONDS - 1, int(self._clock()))
        except (fernet.InvalidToken, ValueError) as error:  # ValueError: not even ASCII.
            raise InvalidTicket(type(error).__name__) from None
        id_, user_id, session_ends_at, roles = orjson.loads(content)
        if id_ in self._used:
            raise InvalidTicket("used before")
        self._used[id_] = self._clock() + REMEMBERED_SECONDS
        return Ticket(user_id, session_ends_at, frozenset(roles))

    def forget_expired(self) -> None:
        now = self._clock()
        self._used = {id_: until for id_, until in self._used.items() if until > now}
