"""Tickets for the socket: signed, good for 30 s and one use, so no token ever stands in a URL."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import uuid4

import jwt

from shared.http.auth import ISSUER, MIN_SECRET_BYTES, Identity, WeakKey

AUDIENCE = "ledgerbell.ws"
TICKET_SECONDS = 30


class InvalidTicket(Exception):
    """Not ours, too old, or used before."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose socket it opens, when the token behind it ends (epoch seconds), and what that may do."""

    user_id: str
    session_ends_at: int
    roles: frozenset[str]


class Tickets:
    """Issues and redeems. Used ones are remembered per process, for as long as they would be valid."""

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise WeakKey(f"LEDGERBELL_TICKET_SECRET has fewer than {MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._used: dict[str, float] = {}

    def issue(self, identity: Identity) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": identity.user_id,
            "jti": uuid4().hex,
            "exp": now + TICKET_SECONDS,
            "ends": identity.expires_at,
            "roles": sorted(identity.roles),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def redeem(self, ticket: str) -> Ticket:
        """Raises InvalidTicket."""
        try:
            claims = jwt.decode(
                ticket,
                self._secret,
                algorithms=["HS256"],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["exp", "sub", "jti"]},
            )
            used, roles = str(claims["jti"]), frozenset(claims["roles"])
            redeemed = Ticket(str(claims["sub"]), int(claims["ends"]), roles)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise InvalidTicket(type(error).__name__) from None
        if used in self._used:
            raise InvalidTicket("used before")
        self._used[used] = time.monotonic() + TICKET_SECONDS
        return redeemed

    def forget_expired(self) -> None:
        now = time.monotonic()
        self._used = {used: until for used, until in self._used.items() if until > now}
