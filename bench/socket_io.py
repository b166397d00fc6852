"""What Socket.IO wraps a frame in: its protocol 5 on Engine.IO 4, for a tab that only listens."""

from __future__ import annotations

import orjson

PATH = "/socket.io/?EIO=4"
OPEN, PING, PONG, CONNECT, EVENT = b"0", b"2", b"3", b"40", b"42"


def answer_to(payload: bytes, user: str) -> bytes:
    """What a client owes for a line that has opened, or is tried; nothing for all else."""
    if payload.startswith(OPEN):
        return CONNECT + orjson.dumps({"user": user})
    return PONG if payload == PING else b""


def unwrapped(payload: bytes) -> bytes:
    """The argument of an event, as JSON; what says that the client is connected becomes a `live` frame.

    Raises ConnectionError for everything else, a refusal for example.
    """
    if payload.startswith(EVENT):
        _, argument = orjson.loads(payload[len(EVENT) :])
        return orjson.dumps(argument)
    if payload.startswith(CONNECT):
        return b'{"type":"live"}'
    raise ConnectionError(payload[:200].decode(errors="replace"))
