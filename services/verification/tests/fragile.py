"""A process that dies at a given step: before or after a commit, before or after credit is asked."""

from __future__ import annotations

from dataclasses import replace

import httpx

from shared.testing.crashes import CrashingOutbox, Fuse
from verification.handlers.trade import Trade

NOWHERE = "amqp://none:none@127.0.0.1:1/none"


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
    return replace(trade, outbox=CrashingOutbox(trade.db, NOWHERE, "verification", fuse))
