"""A process that ends at a chosen step, played in one that goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.db import Database
from shared.outbox import Outbox, OutboxTransaction


class Crash(Exception):
    """The process ends here: what is committed stays, and nothing after it is done."""


class Fuse:
    """Burns with every step of the process, and ends it with the step for which nothing is ``left``.

    ``left`` is how many steps are still survived; None: all.
    """

    def __init__(self) -> None:
        self.left: int | None = None

    @property
    def burnt_out(self) -> bool:
        return self.left is not None and self.left < 0

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


class CrashingOutbox(Outbox):
    """Two steps a transaction: the process may end right before its commit, or right after it."""

    def __init__(self, db: Database, broker_url: str, service: str, fuse: Fuse) -> None:
        super().__init__(db, broker_url, service)
        self._fuse = fuse

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[OutboxTransaction]:
        async with super().transaction() as tx:
            yield tx
            self._fuse.burn()
        self._fuse.burn()
