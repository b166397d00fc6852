"""Many events in one message: what they were sent as, so that a reader can take any of them out again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from shared.messaging.deliveries import Delivery
from shared.messaging.publisher import Message

MAX_PACK_BYTES = 256 * 1024


class InvalidPack(ValueError):
    """The message holds no events."""


def packed(messages: Iterable[Message]) -> Iterator[bytes]:
    """Bodies of at most 256 KiB (an event larger than that goes alone)."""
    parts: list[bytes] = []
    size = 0
    for message in messages:
        part = orjson.dumps(
            {"key": message.routing_key, "headers": message.headers, "body": message.body.decode()}
        )
        if parts and size + len(part) > MAX_PACK_BYTES:
            yield b"[" + b",".join(parts) + b"]"
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield b"[" + b",".join(parts) + b"]"


def unpacked(pack: Delivery, wanted: Callable[[str], bool] = lambda _: True) -> list[Delivery]:
    """The events whose routing key is wanted, as if each had come by itself. Raises InvalidPack."""
    try:
        return [_delivery(each, pack.tag) for each in orjson.loads(pack.body) if wanted(each["key"])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidPack("not a list of events") from None


def _delivery(event: dict[str, Any], tag: int) -> Delivery:
    headers = dict(event["headers"])
    return Delivery(
        tag, str(event["key"]), None, redelivered=True, headers=headers, body=event["body"].encode()
    )
