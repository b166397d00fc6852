"""The same frames without a socket: what is after a cursor, now or as soon as there is something."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from shared.streams import Cursor, StreamAnswer
from ws_gateway.handlers.channel import Tab
from ws_gateway.handlers.hub import Hub, poll_frames

MAX_WAIT_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Poll:
    """An answer to a poll; ``etag`` changes whenever anything a tab shows changes."""

    etag: str
    body: dict[str, object]


class _Bell:
    """A socket that only notices that something came."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def write(self, _: bytes) -> None:
        self.rung.set()

    def drop(self, _: int, __: str) -> None:
        self.rung.set()


async def poll(hub: Hub, user_id: str, after: Cursor | None, *, known_etag: str, wait: float) -> Poll | None:
    """What is new, or None when nothing is after ``wait`` seconds.

    Raises:
        StreamsAway: the notifier cannot be read.
        Refused: the user has too many tabs and pollers.
    """
    bell = _Bell()
    tab = Tab(user_id, bell, held=None)
    with hub.attached(tab) as read:
        answer = await read(after)
        if wait and not _is_news(answer, known_etag):
            try:
                await asyncio.wait_for(bell.rung.wait(), min(wait, MAX_WAIT_SECONDS))
            except TimeoutError:
                return None
            answer = await read(after)
    if not _is_news(answer, known_etag):
        return None
    hub.polled(answer)
    body: dict[str, object] = {
        "frames": poll_frames(answer),
        "cursor": answer.head,
        "reset": answer.reset,
    }
    return Poll(_etag(answer), body)


def _is_news(answer: StreamAnswer, known_etag: str) -> bool:
    """The tag does not say which cursor it was given for, so what is after this one is news in any case."""
    return bool(answer.items) or answer.reset or _etag(answer) != known_etag


def _etag(answer: StreamAnswer) -> str:
    state = f"{answer.head} {answer.rev} {[(b.currency, b.version) for b in answer.balances]}"
    return f'"{hashlib.sha256(state.encode()).hexdigest()[:24]}"'
