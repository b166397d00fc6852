"""JSON with one spelling for each value, as RFC 8785 has it, for what is hashed and signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

LEAST, MOST = -(2**63), 2**63 - 1
DEEPEST = 16  # Lists and objects within each other. Ours are 3 deep; a hostile file's may exhaust the stack.

Json = str | int | bool | Sequence["Json"] | Mapping[str, "Json"]


class NotCanonical(ValueError):
    """The value has no spelling that every reader agrees on."""


def canonical(value: Json) -> bytes:
    """Keys in order, no space, shortest escapes. Raises NotCanonical.

    Of RFC 8785 it takes what we need: no null, no fractions, nothing nested more than 16 deep, and names of
    members in ASCII, which sort alike however they are compared. Beyond it, whole numbers up to 64 bits are
    written in full: the database has such, and an entry that could not be hashed would hold up its user's
    chain.
    """
    _refuse(value, DEEPEST)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:  # A lone surrogate, for one.
        raise NotCanonical(str(error)) from error


def read_canonical(text: bytes) -> Json:
    """The value that has exactly this spelling. Raises NotCanonical."""
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotCanonical(f"it is not JSON: {error}") from error
    if canonical(value) != text:
        raise NotCanonical("it is not spelt canonically")
    return value


def _refuse(value: object, deepest: int) -> None:
    kind = type(value)
    if deepest == 0 and kind in (dict, list, tuple):
        raise NotCanonical(f"it is nested more than {DEEPEST} deep")
    if kind is dict:
        members = cast("dict[str, object]", value)
        try:
            is_ascii = "".join(members).isascii()
        except TypeError:
            is_ascii = False
        if not is_ascii:
            raise NotCanonical("a member's name is not ASCII")
        for member in members.values():
            if type(member) is not str:  # As most are; each entry of the trail passes here.
                _refuse(member, deepest - 1)
    elif kind is int:
        if not LEAST <= cast(int, value) <= MOST:
            raise NotCanonical("a number is too large")
    elif kind is list or kind is tuple:
        for member in cast("Sequence[object]", value):
            _refuse(member, deepest - 1)
    elif kind is not str and kind is not bool:
        raise NotCanonical(f"{kind.__name__} has no place in it")
