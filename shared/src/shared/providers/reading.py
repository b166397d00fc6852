"""Reads what providers send: an answer that does not fit is no answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from shared.providers.errors import ProviderAway
from shared.texts import made_plain

MAX_TEXT = 255
# What reading an answer raises where something is missing or of another kind.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever is missing or of another kind inside the block makes the answer malformed: ProviderAway."""
    try:
        yield
    except MALFORMED as error:
        raise ProviderAway(f"{what}: malformed ({type(error).__name__})") from None


def text(value: object) -> str | None:
    """An id or a reference, if it is one that can be kept."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable() else None


def needed(value: object) -> str:
    """Raises ValueError where it is no text."""
    read = text(value)
    if read is None:
        raise ValueError("a text is missing")
    return read


def shown(value: object) -> str | None:
    """A reason or a message, made fit to be shown; None where there is nothing to show."""
    return made_plain(value, MAX_TEXT) or None if isinstance(value, str) else None


def as_object(body: bytes) -> Mapping[str, Any]:
    """A JSON object; empty for anything else."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def inner(value: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """A nested object; empty where there is none."""
    for name in path:
        found = value.get(name)
        value = found if isinstance(found, dict) else {}
    return value
