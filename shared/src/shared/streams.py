"""A stream's cursor, and what gateways ask the notifier: where streams stand, what comes after a cursor."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from shared.events.notifier import BalanceChanged, NotificationCreated

STREAMS_PATH = "/internal/streams"
HEADS_PATH = "/internal/heads"
MAX_STREAMS = 500
MAX_HEADS = 10_000
MAX_BEHIND = 500  # A cursor further behind is answered with a reset: load history afresh.

CURSOR = r"^[0-9]{1,9}:[0-9]{1,18}$"

UserId = Annotated[str, Field(min_length=1, max_length=200)]
CursorText = Annotated[str, Field(pattern=CURSOR)]


class InvalidCursor(ValueError):
    """The text is not ``EPOCH:SEQ``."""


class Cursor(NamedTuple):
    """A place in a stream: everything up to ``seq`` is known. A new user's is 1:0."""

    epoch: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises InvalidCursor."""
        if not re.fullmatch(CURSOR, text):
            raise InvalidCursor("a cursor is EPOCH:SEQ")
        epoch, _, seq = text.partition(":")
        return cls(int(epoch), int(seq))

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"


class Head(NamedTuple):
    """How far a stream is: its last notification, and its revision, which reads move too."""

    epoch: int
    seq: int
    rev: int


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StreamRequest(_Question):
    """One tab's resume. ``after`` is its cursor ``EPOCH:SEQ``; None wants the head and the counts only.

    A cursor that cannot be read is no error: it is answered with a reset, as one tab's nonsense must not
    fail the call for all the others.
    """

    user_id: UserId
    after: Annotated[str, Field(max_length=64)] | None = None
    limit: int = Field(default=MAX_BEHIND, ge=1, le=MAX_BEHIND)


class StreamsRequest(_Question):
    requests: list[StreamRequest] = Field(max_length=MAX_STREAMS)


class StreamAnswer(_Answer):
    """A stream at one moment. ``items`` are contiguous, oldest first; none when ``reset``.

    Fewer items than the head says only when ``limit`` cut them; ``unread`` and ``rev`` of every item are
    those of this answer.
    """

    user_id: str
    reset: bool
    items: list[NotificationCreated]
    head: str
    unread: int
    rev: int
    read_seq: int
    balances: list[BalanceChanged]


class StreamsAnswer(_Answer):
    """One answer a request, in their order."""

    answers: list[StreamAnswer]


class HeadsRequest(_Question):
    user_ids: list[UserId] = Field(max_length=MAX_HEADS)


class HeadsAnswer(_Answer):
    """``heads``: epoch, seq and rev of every user asked for (1, 0, 0 for one without a stream yet).

    ``balances``: versions by currency, of users who have a balance.
    """

    heads: dict[str, Head]
    balances: dict[str, dict[str, int]]
