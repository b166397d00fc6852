"""The rules between gateway and tab: limits, close codes, and what a frame may say."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

SUBPROTOCOL = "ledgerbell.v1"

MAX_HELLO_BYTES = 1024
MAX_FRAME_BYTES = 16 * 1024
MAX_MESSAGES_A_MINUTE = 100
HELLO_SECONDS = 5
PING_SECONDS = 25
SILENCE_SECONDS = 2 * PING_SECONDS + 5
SLOW_SECONDS = 10
ABORT_SECONDS = 3

GOING_AWAY = 1001
RESTART = 1012
TRY_LATER = 1013
UNAUTHENTICATED = 4401
TOO_SLOW = 4408
TOO_MANY = 4429
PROTOCOL_ERROR = 4500


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sockets may be open; counted per process."""

    per_user: int = 20
    per_address: int = 1000
    unauthenticated: int = 2000


class Refused(Exception):
    """The socket is closed with this code and a reason its client can act on."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def retry(milliseconds: int) -> str:
    """The reason that tells a client when to come back."""
    return f"retry_ms={milliseconds}"


def is_of_this_machine(origin: str) -> bool:
    """Whether no page but one that this machine serves can have it. The last is our name among containers."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost", "ws-gateway")
