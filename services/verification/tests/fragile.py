"""A process that dies at a given step: before or after a commit, before or after credit is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx

from shared.outbox import Outbox, OutboxTransaction
from verification.handlers.trade import Trade


class Crash(Exception):
    """The process dies here: nothing after it is done."""


class Fuse:
    """Burns with every step; the step at which it ends is the last, done or not."""

    def __init__(self) -> None:
        self.left: int | None = None

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


class FragileOutbox(Outbox):
    """Dies before a commit, or right after it."""

    def __init__(self, inner: Trade, fuse: Fuse) -> None:
        super().__init__(inner.db, "amqp://none:none@127.0.0.1:1/none", "verification")
        self._fuse = fuse

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[OutboxTransaction]:
        async with super().transaction() as tx:
            yield tx
            self._fuse.burn()
        self._fuse.burn()


class FragileTransport(httpx.AsyncBaseTransport):
    """Dies before credit is asked, or before its answer arrives."""

    def __init__(self, inner: httpx.AsyncBaseTransport, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse
        self.away_for = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.away_for:
            self.away_for -= 1
            raise httpx.ConnectError("away")
        self._fuse.burn()
        answer = await self._inner.handle_async_request(request)
        self._fuse.burn()
        return answer


def fragile(trade: Trade, fuse: Fuse) -> Trade:
    return replace(trade, outbox=FragileOutbox(trade, fuse))
