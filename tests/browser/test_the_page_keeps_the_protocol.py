"""What the page does when the socket misbehaves: the trouble is made between page and real gateway."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from ledgerbell.stack import Stack

BlankTab = Callable[[], Awaitable[Page]]
Frame = dict[str, Any]
SOCKET = "**/v1/ws"


async def open_through(
    tab: Page, stack: Stack, user_id: str, meddle: Callable[[Frame], list[Frame]]
) -> asyncio.Queue[Frame]:
    """Open the page with `meddle` on the line; returns the queue of what the page says to the gateway."""
    said: asyncio.Queue[Frame] = asyncio.Queue()

    def on_socket(page_side: WebSocketRoute) -> None:
        gateway_side = page_side.connect_to_server()

        def to_page(message: str | bytes) -> None:
            for frame in meddle(json.loads(message)):
                page_side.send(json.dumps(frame))

        def to_gateway(message: str | bytes) -> None:
            said.put_nowait(json.loads(message))
            gateway_side.send(message)

        gateway_side.on_message(to_page)
        page_side.on_message(to_gateway)

    await tab.route_web_socket(SOCKET, on_socket)
    await tab.goto(f"{stack.gateway_url}/#token={stack.token(user_id)}")
    return said


async def next_said(said: asyncio.Queue[Frame], kind: str) -> Frame:
    async with asyncio.timeout(10):
        while (frame := await said.get())["type"] != kind:
            pass
    return frame


async def expect_list(tab: Page, count: int) -> None:
    await expect(tab.locator("#list article")).to_have_count(count)
    rows = "rows => rows.map(row => Number(row.dataset.seq)).reverse()"
    assert await tab.locator("#list article").evaluate_all(rows) == list(range(1, count + 1))


async def test_a_missed_frame_is_fetched_and_shown_in_its_place(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    tab = await blank_tab()
    lost: list[int] = []

    def lose_the_second(frame: Frame) -> list[Frame]:
        if frame.get("seq") == 2 and not lost:
            lost.append(2)
            return []
        return [frame]

    said = await open_through(tab, stack, owner, lose_the_second)
    await expect(tab.locator("#status")).to_have_text("Live")
    await stack.debit(owner, "1.00", reason="lost on the way")
    await stack.debit(owner, "1.00", reason="tells of the hole")

    await expect_list(tab, 3)
    first, second = await next_said(said, "hello"), await next_said(said, "hello")
    assert first["cursor"] == second["cursor"]
    assert first["cursor"].endswith(":1")
    assert await tab.locator(".toast").count() == 0  # what is replayed is shown, but does not pop up


async def test_a_reading_that_was_missed_is_made_up_for_at_the_next_connect(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    deaf, other = await blank_tab(), await blank_tab()
    lost: list[int] = []

    def lose_every_reading_and_one_notification(frame: Frame) -> list[Frame]:
        if frame["type"] == "read":
            return []
        if frame.get("seq") == 2 and not lost:
            lost.append(2)
            return []
        return [frame]

    await open_through(deaf, stack, owner, lose_every_reading_and_one_notification)
    await expect(deaf.locator("#status")).to_have_text("Live")
    await other.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
    await other.locator("#list article").first.click()
    await expect(other.locator("#badge")).to_be_hidden()
    await stack.debit(owner, "1.00", reason="lost on the way")
    await stack.debit(owner, "1.00", reason="makes the page connect anew")

    await expect_list(deaf, 3)
    await expect(deaf.locator("#badge")).to_have_text("2")
    await expect(deaf.locator("article.unread")).to_have_count(2)
    await expect(deaf.locator("#list article").last).not_to_have_class("row unread")


async def test_a_count_without_its_reason_makes_the_page_look_for_it(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    tab, other = await blank_tab(), await blank_tab()

    def say_only_that_something_was_read(frame: Frame) -> list[Frame]:
        return [frame | {"ids": []}] if frame["type"] == "read" else [frame]

    await open_through(tab, stack, owner, say_only_that_something_was_read)
    await expect(tab.locator("#status")).to_have_text("Live")
    await other.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
    await other.locator("#list article").first.click()

    await expect(tab.locator("#badge")).to_be_hidden()
    await expect(tab.locator("article.unread")).to_have_count(0)


async def test_what_comes_twice_is_shown_once(stack: Stack, owner: str, blank_tab: BlankTab) -> None:
    tab = await blank_tab()
    await open_through(tab, stack, owner, lambda frame: [frame, frame])
    await expect(tab.locator("#status")).to_have_text("Live")

    await stack.debit(owner, "1.00", reason="twice")

    await expect_list(tab, 2)
    await expect(tab.locator(".toast")).to_have_count(1)
    await expect(tab.locator("#badge")).to_have_text("2")


async def test_a_stale_balance_or_count_never_comes_back(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    tab = await blank_tab()

    def repeat_the_past(frame: Frame) -> list[Frame]:
        stale_balance = {"type": "balance", "currency": "USD", "version": 0}
        stale_balance |= {"posted": "99.00", "held": "0.00", "available": "99.00"}
        stale_reading = {"type": "read", "read_seq": 0, "seq": 1, "rev": 0, "unread": 99}
        return [frame, stale_balance, stale_reading] if frame["type"] == "notification" else [frame]

    await open_through(tab, stack, owner, repeat_the_past)
    await expect(tab.locator("#status")).to_have_text("Live")
    await stack.debit(owner, "2.50", reason="now")

    await expect_list(tab, 2)
    await expect(tab.locator(".balance-amount")).to_have_text("$7.50")
    await expect(tab.locator("#badge")).to_have_text("2")


async def test_a_silent_socket_is_given_up_and_resumed(stack: Stack, owner: str, blank_tab: BlankTab) -> None:
    tab = await blank_tab()
    welcomes: list[Frame] = []

    def fall_silent_after_the_first_welcome(frame: Frame) -> list[Frame]:
        if frame["type"] == "welcome":
            welcomes.append(frame)
            return [frame | {"ping_s": 0}] if len(welcomes) == 1 else [frame]
        return [] if len(welcomes) == 1 else [frame]

    await open_through(tab, stack, owner, fall_silent_after_the_first_welcome)
    await stack.debit(owner, "2.50", reason="into the silence")

    await expect(tab.locator("#status")).to_have_text("Live", timeout=15_000)
    await expect_list(tab, 2)


async def test_the_newest_shown_is_acknowledged(stack: Stack, owner: str, blank_tab: BlankTab) -> None:
    tab = await blank_tab()
    said = await open_through(tab, stack, owner, lambda frame: [frame])
    await expect(tab.locator("#status")).to_have_text("Live")
    started = time.monotonic()
    for count in range(2, 8):
        await stack.debit(owner, "0.10", reason="one after the other")
        await expect_list(tab, count)

    acked = [await next_said(said, "ack")]
    while acked[-1]["seq"] < 7:
        acked.append(await next_said(said, "ack"))
    assert len(acked) <= 2 + time.monotonic() - started  # one a second, not one a notification


async def test_the_socket_is_renewed_before_its_token_ends(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    tab = await blank_tab()

    def end_soon(frame: Frame) -> list[Frame]:
        return [frame | {"expires_at": time.time() + 6}] if frame["type"] == "welcome" else [frame]

    said = await open_through(tab, stack, owner, end_soon)
    first, second = await next_said(said, "hello"), await next_said(said, "hello")
    assert first["ticket"] != second["ticket"]

    await stack.debit(owner, "1.00", reason="on the renewed socket")
    await expect_list(tab, 2)
    await expect(tab.locator(".toast")).to_have_count(1)


@pytest.mark.usefixtures("gateway_may_vanish")
async def test_without_a_socket_the_page_polls_and_says_so(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    tab = await blank_tab()
    await tab.route_web_socket(SOCKET, lambda socket: socket.close(code=1013))
    await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
    await expect(tab.locator("#status")).to_contain_text("checking every", timeout=15_000)

    await stack.debit(owner, "2.50", reason="by polling")

    await expect(tab.locator("#badge")).to_have_text("2", timeout=15_000)
    await expect_list(tab, 2)
    await expect(tab.locator(".balance-amount")).to_have_text("$7.50")
    await expect(tab.locator(".toast")).to_contain_text("by polling")


async def test_a_final_close_code_stops_the_page_and_it_says_why(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    tab = await blank_tab()
    opened: list[WebSocketRoute] = []

    async def refuse(socket: WebSocketRoute) -> None:
        opened.append(socket)
        await socket.close(code=4503, reason="origin refused")

    await tab.route_web_socket(SOCKET, refuse)
    await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")

    await expect(tab.locator("#status")).to_have_text(
        "Stopped: this address is not allowed to connect (4503)"
    )
    assert len(opened) == 1
