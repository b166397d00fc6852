"""Pages of a history, newest first, and their cursors in a form that nobody is tempted to take apart."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Row(Protocol):
    """A row of a query."""

    def __getitem__(self, column: str, /) -> Any: ...


RowT = TypeVar("RowT", bound=Row)

_MAX_NUMBER = 2**63 - 1


class InvalidCursor(ValueError):
    """The cursor is not one that was given out."""


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """Rows, newest first, and the cursor of the page after them."""

    items: Sequence[RowT]
    next: str | None


def page_of(rows: Sequence[RowT], limit: int) -> Page[RowT]:
    """A page of rows with a ``number``, of which one more was asked for: it tells whether there is a next."""
    shown = rows[:limit]
    return Page(shown, encode(shown[-1]["number"]) if len(rows) > limit else None)


def encode(number: int) -> str:
    return base64.urlsafe_b64encode(f"e{number}".encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """The number of the last row that was shown. Raises InvalidCursor."""
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
