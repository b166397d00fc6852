"""Where a page of a statement ends, in a form that nobody is tempted to take apart."""

from __future__ import annotations

import base64
import binascii

_MAX_NUMBER = 2**63 - 1


class InvalidCursor(ValueError):
    """The cursor is not one that was given out."""


def encode(number: int) -> str:
    return base64.urlsafe_b64encode(f"e{number}".encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """The number of the last entry that was shown. Raises InvalidCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise InvalidCursor("the cursor is not one of ours") from None
    digits = text.removeprefix("e")
    # The length comes first: reading a very long number is work.
    if (
        len(digits) > 19
        or not digits.isdecimal()
        or int(digits) > _MAX_NUMBER
        or encode(int(digits)) != cursor
    ):
        raise InvalidCursor("the cursor is not one of ours")
    return int(digits)
