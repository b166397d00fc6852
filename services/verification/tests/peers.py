"""A small real HTTP server that speaks 5sim's API. Source: https://5sim.net/docs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

# What happens to the next call: no answer after or before it acted, a 503, nonsense.
Fault = Literal["timeout", "timeout_before", "error", "malformed"]

CALL_SECONDS = 0.2
MOST = 100  # On one page, however many are asked for.


class FiveSimServer:
    """``says`` is the plain text the next calls get instead of an object, with 400 or as given.

    Its clock is ahead of ours by ``ahead``.
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.says: list[tuple[int, str]] = []
        self.calls: list[str] = []
        self.ahead = timedelta()
        self.dated = True
        self.page = MOST

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def add(self, product: str = "whatsapp", *, age: float = 0, **fields: Any) -> dict[str, Any]:
        made = {
            "id": len(self.orders) + 1,
            "phone": f"+4479{len(self.orders):07}",
            "operator": "any",
            "product": product,
            "price": 0.5,
            "status": "RECEIVED",
            "expires": (self.now() + timedelta(minutes=20)).isoformat(),
            "created_at": (self.now() - timedelta(seconds=age)).isoformat(),
            "country": "england",
            "sms": None,
            **fields,
        }
        self.orders.append(made)
        return made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = dict(scope["headers"])
        assert headers[b"authorization"] == b"Bearer token"
        self.calls.append(scope["path"])
        fault = self.faults.pop(0) if self.faults else None
        if fault == "timeout_before":
            await asyncio.sleep(2 * CALL_SECONDS)
            return
        status, content = (503, b"") if fault == "error" else self.answer(scope)
        if fault == "timeout":
            await asyncio.sleep(2 * CALL_SECONDS)
            return
        content = b"<html>" if fault == "malformed" else content
        dated = [(b"date", format_datetime(self.now(), usegmt=True).encode())] if self.dated else []
        await send({"type": "http.response.start", "status": status, "headers": dated})
        await send({"type": "http.response.body", "body": content})

    def answer(self, scope: Scope) -> tuple[int, bytes]:
        if self.says:
            status, text = self.says.pop(0)
            return status, text.encode()
        query = dict(parse_qsl(scope["query_string"].decode()))
        match scope["path"].removeprefix("/v1/user/").split("/"):
            case ["buy", "activation", country, "any", product]:
                return 200, json.dumps(self.add(product, country=country)).encode()
            case ["orders"]:
                newest, offset = self.orders[::-1], int(query["offset"])
                shown = newest[offset : offset + min(self.page, int(query["limit"]))]
                assert (query["category"], query["reverse"]) == ("activation", "true")
                return 200, json.dumps({"Data": shown, "Total": len(newest)}).encode()
            case [what, id_]:
                return self.one(what, id_)
        return 404, b"not found"

    def one(self, what: str, id_: str) -> tuple[int, bytes]:
        order = next((one for one in self.orders if str(one["id"]) == id_), None)
        if order is None:
            return 404, b"order not found"
        if what == "cancel":
            if order["sms"]:
                return 400, b"order has sms"
            order["status"] = "CANCELED"
        if what == "finish":
            order["status"] = "FINISHED"
        return 200, json.dumps(order).encode()
