"""Operators' tabs are told how the system is, of every gateway and service; users' tabs are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from ledgerbell.stack import Stack
from ledgerbell.tab import Tab

OPERATOR = "olga"
TabOf = Callable[[str], Tab]
Frame = dict[str, Any]


@dataclass
class Line:
    """A socket on which a frame can be waited for."""

    socket: ClientConnection

    async def say(self, **frame: object) -> None:
        await self.socket.send(orjson.dumps(frame).decode())

    async def until(self, condition: Callable[[Frame], bool]) -> Frame:
        """The first frame of which it is true. Raises AssertionError with the last one when none comes."""
        frame: Frame = {}
        try:
            async with asyncio.timeout(40):
                while True:
                    frame = orjson.loads(await self.socket.recv())
                    if condition(frame):
                        return frame
        except TimeoutError:
            raise AssertionError(f"the last that came: {frame}") from None


@asynccontextmanager
async def line_of(stack: Stack, user: str, roles: tuple[str, ...]) -> AsyncIterator[Line]:
    async with httpx.AsyncClient(base_url=stack.gateway_url, trust_env=False) as http:
        headers = {"authorization": f"Bearer {stack.token(user, roles)}"}
        ticket = (await http.post("/v1/tickets", headers=headers)).raise_for_status().json()["ticket"]
    url = f"{stack.gateway_url.replace('http', 'ws', 1)}/v1/ws"
    protocol = Subprotocol("ledgerbell.v1")
    async with connect(url, origin=Origin(stack.gateway_url), subprotocols=[protocol]) as socket:
        line = Line(socket)
        await line.say(type="hello", ticket=ticket)
        await line.until(lambda frame: frame["type"] == "welcome")
        yield line


@pytest.fixture
async def second_gateway(stack: Stack) -> AsyncIterator[str]:
    name = await stack.replicate("ws-gateway")
    yield name
    await stack.supervisor.stop(name)


@pytest.mark.usefixtures("second_gateway")
async def test_an_operators_tab_hears_of_all_gateways_and_all_services(
    stack: Stack, user: str, tab_of: TabOf
) -> None:
    async with line_of(stack, OPERATOR, ("operator",)) as line, tab_of(user) as tab:
        await line.say(type="watch")
        await stack.open_account(user, "USD")
        await stack.add_credits(user, "5.00")
        await tab.until(lambda: len(tab.received) == 1)

        def complete(frame: Frame) -> bool:
            now = frame.get("now") or {"gateways": [], "services": [], "lanes": {}}
            told = {each["service"] for each in now["services"] if each["processes"]}
            measured = sum(lane["count"] for lane in now["lanes"].values())
            tabs = sum(gateway["tabs"] for gateway in now["gateways"])
            return len(now["gateways"]) >= 2 and tabs >= 2 and len(told) == 7 and measured > 0

        now = (await line.until(complete))["now"]

    services = {each["service"]: each for each in now["services"]}
    assert services["ws-gateway"]["processes"] >= 2
    assert services["verification"]["dead"] is None, "it hears nothing, so nothing of it can die"
    assert {services[name]["dead"] for name in ("credit", "payment", "refund", "monitor", "notifier")} == {0}
    assert all(lane["depth"] is not None and lane["age_s"] is not None for lane in now["lanes"].values())
    assert any(lane["p50_ms"] for lane in now["lanes"].values())


async def test_who_begins_to_watch_has_the_last_minutes_at_once(stack: Stack) -> None:
    async with line_of(stack, OPERATOR, ("operator",)) as earlier:
        await earlier.say(type="watch")
        for _ in range(3):
            await earlier.until(lambda frame: frame["type"] == "vitals")
        async with line_of(stack, OPERATOR, ("operator",)) as later:
            await later.say(type="watch")
            first = await later.until(lambda frame: frame["type"] == "vitals")
            following = await later.until(lambda frame: frame["type"] == "vitals")

    assert len(first["points"]) >= 2
    assert len(following["points"]) == 1
    assert following["points"][0]["at"] > first["points"][-1]["at"]


async def test_a_user_who_asks_to_watch_is_refused_and_stays_connected(stack: Stack, user: str) -> None:
    async with line_of(stack, user, ("user",)) as line, line_of(stack, OPERATOR, ("operator",)) as operator:
        await line.say(type="watch")
        refusal = await line.until(lambda frame: frame["type"] not in ("live", "ping"))
        await operator.say(type="watch")
        for _ in range(2):
            await operator.until(lambda frame: frame["type"] == "vitals")
        await stack.open_account(user, "USD")
        await stack.add_credits(user, "1.00")
        news = await line.until(lambda frame: frame["type"] not in ("live", "ping", "balance"))

    assert refusal == {
        "type": "error",
        "code": "forbidden",
        "message": "Watching needs the role operator.",
        "ref": "watch",
    }
    assert news["type"] == "notification", "it is told what is its own, and no vitals meanwhile"
