"""RFC 6455 text frames and the JSON inside them: encoded once, framed once, written to every socket."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import orjson

from shared.money import Money

_TEXT = 0x81  # Final frame, text.


def text_frame(payload: bytes) -> bytes:
    """An unmasked server frame. Source: RFC 6455, section 5.2."""
    length = len(payload)
    if length < 126:
        return bytes((_TEXT, length)) + payload
    if length < 65536:
        return struct.pack(">BBH", _TEXT, 126, length) + payload
    return struct.pack(">BBQ", _TEXT, 127, length) + payload


def frame(content: Mapping[str, object]) -> bytes:
    return text_frame(orjson.dumps(content))


def batch(contents: list[Mapping[str, object]]) -> bytes:
    return frame({"type": "batch", "frames": contents})


def balance(item: Mapping[str, object]) -> dict[str, object]:
    """The balance frame of a ``balance.changed`` item; amounts are decimal strings."""
    currency, posted, held = str(item["currency"]), item["posted_minor"], item["held_minor"]
    assert isinstance(posted, int)
    assert isinstance(held, int)
    return {
        "type": "balance",
        "currency": currency,
        "posted": Money(posted, currency).amount,
        "held": Money(held, currency).amount,
        "available": Money(posted - held, currency).amount,
        "version": item["version"],
    }


PING = frame({"type": "ping"})
