"""What an operator does on their page, and what there is for them to deal with."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import uuid4

import httpx
from playwright.async_api import Locator, Page, expect

from ledgerbell.stack import Stack
from shared.events import Envelope, exchange_of
from shared.messaging import Message, Publisher
from shared.testing.waiting import until
from shared.testing.working import working

OPERATOR = "olga"


async def open_ops(stack: Stack, page: Page, roles: tuple[str, ...] = ("operator",)) -> None:
    await page.goto(f"{stack.gateway_url}/ops#token={stack.token(OPERATOR, roles)}")


async def expect_told(page: Page) -> None:
    # A page that has lost its gateway comes back after ever longer pauses.
    await expect(page.locator("#status")).to_have_text("Live", timeout=20_000)


def tile(page: Page, name: str) -> Locator:
    return page.locator(".tile").filter(has_text=name).locator(".figure")


def panel(page: Page, heading: str) -> Locator:
    return page.get_by_role("region", name=heading)


async def park(stack: Stack, body: bytes = b"{}") -> str:
    """An event that the notifier cannot read; returns its id."""
    [id_] = await park_many(stack, 1, body)
    return id_


async def park_many(stack: Stack, number: int, body: bytes = b"{}") -> list[str]:
    """So many of them, in this order; returns their ids."""
    ids = [str(uuid4()) for _ in range(number)]
    headers = {"cloudEvents:specversion": "9.9"}
    await send(
        stack,
        *(Message("", "notifier.high", id_, body, headers | {"cloudEvents:id": id_}) for id_ in ids),
    )
    return ids


async def park_everywhere(stack: Stack, event: str, user: str, transfer: str) -> str:
    """One that says whose it is, and that none of those who hear it can handle; returns its id."""
    id_, data = uuid4(), json.dumps({"transfer_id": transfer}).encode()
    headers = Envelope(id_, event, "tests", user, datetime.now(UTC), data).headers()
    await send(stack, Message(exchange_of(event), event, str(id_), data, headers))
    return str(id_)


async def send(stack: Stack, *messages: Message) -> None:
    """As the broker's administrator, who may send to any queue."""
    publisher = Publisher(stack.corner.admin_broker_url, "tests")
    async with working(publisher.run):
        await publisher.linked.wait()
        assert len((await publisher.send_batch(messages)).confirmed) == len(messages)


async def discard(stack: Stack, service: str, id_: str, reason: str) -> None:
    """Once it is parked there."""
    headers = {"authorization": f"Bearer {stack.token(OPERATOR, ('operator',))}"}
    async with httpx.AsyncClient(base_url=stack.gateway_url, headers=headers, trust_env=False) as http:

        async def discarded() -> bool:
            answer = await http.post(f"/v1/dead-letters/{service}/{id_}/discard", json={"reason": reason})
            return answer.status_code == 200

        await until(discarded, every_seconds=0.1)


async def find(page: Page, what: str) -> Locator:
    await page.get_by_label("User, transfer or reference").fill(what)
    await page.get_by_role("button", name="Show", exact=True).click()
    return page.get_by_role("list", name="Timeline").get_by_role("listitem")


async def until_told(page: Page, what: str, *words: str) -> Locator:
    """All entries, once one of them says all of ``words``: a receipt comes within seconds."""
    said = panel(page, "What happened to").get_by_role("status")
    answered = re.compile(f"{re.escape(what)}, newest first", re.IGNORECASE)

    async def told() -> Locator | None:
        entries = found = await find(page, what)
        await expect(said).to_contain_text(answered)
        for each in words:
            found = found.filter(has_text=each)
        return entries if await found.count() else None

    entries = await until(told, every_seconds=0.2)
    assert entries is not None
    return entries
