"""What may be written beside a movement: it ends in notifications, logs and links."""

from __future__ import annotations

import re
import unicodedata

# Control characters, lone surrogates, private use, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
# Marks that turn the direction of what follows: "$5" could be shown as something else.
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# One slash and no second one, which would name another host; browsers read a backslash as a slash.
_LINK = re.compile(r"/(?!/)[!-\[\]-~]*")


class InvalidText(ValueError):
    """The text cannot be shown safely."""


def plain_text(text: str) -> str:
    """The text without surrounding space. Raises InvalidText."""
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _DIRECTION_MARKS:
            raise InvalidText("control characters and direction marks are not allowed")
    stripped = text.strip()
    if not stripped:
        raise InvalidText("the text is empty")
    return stripped


def relative_link(link: str) -> str:
    """A path on our own site, such as ``/verifications/42``. Raises InvalidText."""
    if not _LINK.fullmatch(link):
        raise InvalidText("a link is a path of our own site, beginning with one slash")
    return link
