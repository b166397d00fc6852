"""Where a tab stands in its user's stream, and whether it can go on from there."""

from __future__ import annotations

import re
from dataclasses import dataclass

CURSOR = r"[0-9]{1,9}:[0-9]{1,18}"
MAX_BEHIND = 500

_CURSOR = re.compile(CURSOR)


class InvalidCursor(ValueError):
    """The text is not ``EPOCH:SEQ``."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a stream: everything up to ``seq`` is known. A new user's is 1:0."""

    epoch: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises InvalidCursor."""
        if not _CURSOR.fullmatch(text):
            raise InvalidCursor("a cursor is EPOCH:SEQ")
        epoch, _, seq = text.partition(":")
        return cls(int(epoch), int(seq))

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    def can_resume(self, head: Cursor) -> bool:
        """False when the stream was rebuilt, when we are ahead of it, or too far behind to replay."""
        return self.epoch == head.epoch and 0 <= head.seq - self.seq <= MAX_BEHIND
