"""Between a tab and the real gateway: hears what the tab says, changes what it is told, closes the line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from playwright.async_api import BrowserContext, Page, WebSocketRoute

from ledgerbell.stack import Stack
from tests.browser.client_tab import ClientTab

Frame = dict[str, Any]
SOCKET = "**/v1/ws"
WITHIN_SECONDS = 30


class Meddler:
    """``change`` gets each frame of the gateway and returns what the tab is told instead."""

    def __init__(self, change: Callable[[Frame], list[Frame]] = lambda frame: [frame]) -> None:
        self._change = change
        self._said: asyncio.Queue[Frame] = asyncio.Queue()
        self.lines: list[WebSocketRoute] = []
        """Every socket the tab has opened, the newest last."""

    async def sit_down(self, page: Page) -> None:
        await page.route_web_socket(SOCKET, self._connect)

    async def next_said(self, kind: str) -> Frame:
        """The next frame of that type that the tab says to the gateway."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while (frame := await self._said.get())["type"] != kind:
                pass
        return frame

    def tell(self, text: str) -> None:
        """Say something to the tab that the gateway has not said."""
        self.lines[-1].send(text)

    async def close(self, code: int, reason: str = "") -> None:
        await self.lines[-1].close(code=code, reason=reason)

    def _connect(self, page_side: WebSocketRoute) -> None:
        self.lines.append(page_side)
        gateway_side = page_side.connect_to_server()

        def to_page(message: str | bytes) -> None:
            for frame in self._changed(json.loads(message)):
                page_side.send(json.dumps(frame))

        def to_gateway(message: str | bytes) -> None:
            self._said.put_nowait(json.loads(message))
            gateway_side.send(message)

        gateway_side.on_message(to_page)
        page_side.on_message(to_gateway)

    def _changed(self, frame: Frame) -> list[Frame]:
        if frame["type"] != "batch":
            return self._change(frame)
        frames = [changed for each in frame["frames"] for changed in self._change(each)]
        return [frame | {"frames": frames}] if frames else []


async def open_through(
    meddler: Meddler,
    profile: BrowserContext,
    stack: Stack,
    user_id: str,
    *,
    tokens: Sequence[str] = (),
) -> ClientTab:
    """A tab that has the line, on which the meddler sits; its clock can be put forward."""

    async def prepare(page: Page) -> None:
        await meddler.sit_down(page)
        await page.clock.install()

    tab = await ClientTab.open(profile, stack, user_id, prepare=prepare, tokens=tokens)
    await tab.until_on("ws")
    return tab


def once(
    chosen: Callable[[Frame], bool], instead: Callable[[Frame], list[Frame]]
) -> Callable[[Frame], list[Frame]]:
    """Does it to the first frame that is chosen, and to no other."""
    done: list[Frame] = []

    def change(frame: Frame) -> list[Frame]:
        if done or not chosen(frame):
            return [frame]
        done.append(frame)
        return instead(frame)

    return change


def lose(seq: int) -> Callable[[Frame], list[Frame]]:
    """The notification is lost on its way, the first time."""
    return once(lambda frame: frame.get("seq") == seq and frame["type"] == "notification", lambda _: [])
