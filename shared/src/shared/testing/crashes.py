"""A process that ends at a chosen moment, played in one that goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.outbox import Outbox, OutboxTransaction


class Crash(Exception):
    """The process ends here: what is committed stays, and nothing after it is done."""


class CrashingOutbox(Outbox):
    """Ends the process at an edge of a transaction: right before its commit, or right after it.

    ``survives`` is how many such edges are passed first; None: it lives.
    """

    survives: int | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[OutboxTransaction]:
        async with super().transaction() as tx:
            yield tx
            self._edge()
        self._edge()

    def _edge(self) -> None:
        if self.survives is None:
            return
        if self.survives == 0:
            self.survives = None
            raise Crash
        self.survives -= 1
