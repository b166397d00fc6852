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


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in _REFUSED_CATEGORIES and character not in _DIRECTION_MARKS


def plain_text(text: str) -> str:
    """The text without surrounding space. Raises InvalidText."""
    if not all(map(_is_plain, text)):
        raise InvalidText("control characters and direction marks are not allowed")
    stripped = text.strip()
    if not stripped:
        raise InvalidText("the text is empty")
    return stripped


def made_plain(text: str, most: int) -> str:
    """What can be shown of a text nobody can be asked to mend: one line, of at most so many characters."""
    return " ".join("".join(c if _is_plain(c) else " " for c in text).split())[:most].rstrip()


def relative_link(link: str) -> str:
    """A path on our own site, such as ``/verifications/42``. Raises InvalidText."""
    if not _LINK.fullmatch(link):
        raise InvalidText("a link is a path of our own site, beginning with one slash")
    return link
