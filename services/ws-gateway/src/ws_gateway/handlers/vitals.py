"""Operators' tabs that watch: each is told how the system is, every two seconds, until it leaves."""

from __future__ import annotations

import asyncio
from time import time
from typing import Protocol

from pydantic import ValidationError

from shared.observability.logs import get_logger
from shared.observability.vitals import EVERY_SECONDS, Reading, buckets, by_lane, value
from ws_gateway.adapters import frames
from ws_gateway.handlers.hub import LATENCY_SECONDS, PUSHED, TABS, USERS
from ws_gateway.handlers.moments import Moments, Told

log = get_logger(__name__)


class Watching(Protocol):
    """The socket of a tab that watches."""

    paused_since: float | None

    def write(self, frame: bytes) -> None: ...


class Watch:
    """Of one gateway process, which hears all processes by itself."""

    def __init__(self) -> None:
        self._moments = Moments(time())
        self._tabs: set[Watching] = set()

    def begin(self, tab: Watching) -> None:
        """The tab is told of the last fifteen minutes at once."""
        self._tabs.add(tab)
        tab.write(frames.frame(self._moments.so_far()))

    def end(self, tab: Watching) -> None:
        self._tabs.discard(tab)

    def heard(self, body: bytes) -> None:
        """A process's word, from the broker."""
        try:
            self._moments.heard(Told.model_validate_json(body), time())
        except ValidationError as error:
            log.error("vitals.unreadable", errors=error.error_count())

    async def keep_telling(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            frame = frames.frame(self._moments.close(time()))
            for tab in self._tabs:
                if tab.paused_since is None:  # The next one says as much.
                    tab.write(frame)


def reading() -> Reading:
    """What this gateway says of itself."""
    return {
        "tabs": value(TABS),
        "users": value(USERS),
        "pushed": by_lane(PUSHED),
        "latency": buckets(LATENCY_SECONDS),
    }
