"""Unusual activity, through everything: it rings, its owner answers, and a dispute stops the spending."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.testing.waiting import until

SMALL = "🚨 Unusual Activity - 5 debits of $1.00 or less within 30 minutes. Not you? Contact support"


@pytest.fixture
async def page(watched: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Where a browser would ask."""
    async with httpx.AsyncClient(base_url=watched.gateway_url, trust_env=False, timeout=15) as http:
        yield http


@asynccontextmanager
async def opened(stack: Stack, user: str) -> AsyncIterator[Tab]:
    """A new user's tab, and 100.00 to spend."""
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "100.00")
    async with Tab(stack.gateway_url, lambda: stack.token(user)) as tab:
        yield tab


@pytest.fixture
async def tab(watched: Stack, user: str) -> AsyncIterator[Tab]:
    async with opened(watched, user) as tab:
        yield tab


def alarms(tab: Tab) -> list[str]:
    return [received.text for received in tab.received if received.frame["kind"] == "activity.flagged"]


async def flagged(stack: Stack, user: str, tab: Tab) -> str:
    """Five small debits; where the alarm leads to."""
    for cents in (11, 12, 13, 14, 15):
        await stack.debit(user, f"0.{cents}")
    await tab.until(lambda: bool(alarms(tab)))
    (alarm,) = [each for each in tab.received if each.frame["kind"] == "activity.flagged"]
    return str(alarm.frame["link"])


async def ids(stack: Stack, service: str, sql: str, user: str) -> set[UUID]:
    connection = await asyncpg.connect(stack.database_url(service))
    try:
        return {row[0] for row in await connection.fetch(sql, user)}
    finally:
        await connection.close()


async def flags_of_all(stack: Stack, user: str) -> int:
    """How many flags there are as soon as the monitor has observed all that the user has spent."""
    debits = "SELECT id FROM transfer WHERE user_id = $1 AND kind = 'deduction'"
    facts = "SELECT subject FROM observation WHERE user_id = $1"
    spent = await ids(stack, "credit", debits, user)

    async def observed() -> bool:
        return await ids(stack, "monitor", facts, user) == spent

    await until(observed)
    return len(await ids(stack, "monitor", "SELECT id FROM flag WHERE user_id = $1", user))


async def ask(
    stack: Stack, page: httpx.AsyncClient, method: str, path: str, caller: str, *roles: str, **body: Any
) -> httpx.Response:
    headers = {
        "authorization": f"Bearer {stack.token(caller, roles or ('user',))}",
        "idempotency-key": str(uuid4()),
    }
    return await page.request(method, path, headers=headers, json=body or None)


async def test_it_rings_and_not_me_stops_the_spending_until_an_operator_lifts_it(
    watched: Stack, page: httpx.AsyncClient, user: str, tab: Tab
) -> None:
    link = await flagged(watched, user, tab)
    assert alarms(tab) == [SMALL]

    assert (await ask(watched, page, "POST", f"/v1{link}/dispute", "somebody-else")).status_code == 404
    for _ in range(2):
        answered = await ask(watched, page, "POST", f"/v1{link}/dispute", user)
        assert (answered.status_code, answered.json()["state"]) == (200, "disputed")

    debit = {"amount": "1.00", "currency": "USD", "reason": "Test"}

    async def refused() -> bool:
        answer = await ask(watched, page, "POST", "/v1/accounts/me/debits", user, **debit)
        return (answer.status_code, answer.json().get("code")) == (409, "account_frozen")

    await until(refused)
    assert (await ask(watched, page, "POST", f"/v1/accounts/{user}/unfreeze", user)).status_code == 403
    lifted = await ask(watched, page, "POST", f"/v1/accounts/{user}/unfreeze", "op", "operator")
    assert lifted.status_code == 200
    assert (await ask(watched, page, "POST", "/v1/accounts/me/debits", user, **debit)).status_code == 201
    assert await flags_of_all(watched, user) == 1
    assert alarms(tab) == [SMALL], "it was told once"


async def test_this_was_me_is_an_answer_too_and_stops_nothing(
    watched: Stack, page: httpx.AsyncClient, user: str, tab: Tab
) -> None:
    link = await flagged(watched, user, tab)

    answered = await ask(watched, page, "POST", f"/v1{link}/confirm", user)

    assert answered.json()["state"] == "confirmed"
    assert await watched.debit(user, "0.20")
    assert (await ask(watched, page, "GET", f"/v1{link}", user)).json()["state"] == "confirmed"


async def test_killed_between_the_debits_and_with_a_second_one_it_rings_once(
    watched: Stack, user: str, tab: Tab
) -> None:
    second = await watched.replicate("monitor")
    await watched.debit(user, "0.11")
    watched.supervisor.kill("monitor", SIGKILL)
    for cents in (12, 13, 14):
        await watched.debit(user, f"0.{cents}")
    await watched.supervisor.ready("monitor")
    await watched.supervisor.stop(second)
    assert await flags_of_all(watched, user) == 0
    assert alarms(tab) == []

    await watched.debit(user, "0.15")
    await tab.until(lambda: bool(alarms(tab)))
    await watched.debit(user, "0.16")
    assert await flags_of_all(watched, user) == 1
    await tab.until(lambda: sum("0.16" in each.text for each in tab.received) == 1)

    assert alarms(tab) == [SMALL]


@pytest.fixture
def edit(rules: Path) -> Iterator[Callable[[str], None]]:
    """Changes the first rule's count in the file that is watched."""
    before = rules.read_text()

    def write(count: str) -> None:
        rules.write_text(before.replace("count = 5", f"count = {count}"))

    yield write
    rules.write_text(before)


async def test_rules_are_changed_while_it_runs(
    watched: Stack, edit: Callable[[str], None], user: str, tab: Tab
) -> None:
    async def refused(value: str) -> bool:
        return f"\nmonitor_rules_refused {value}" in await watched.metrics("monitor")

    edit("two")
    await until(lambda: refused("1.0"))
    async with opened(watched, f"{user}-2") as other:
        await flagged(watched, f"{user}-2", other)
        assert alarms(other) == [SMALL], "the rules before are in force"
    edit("2")
    await until(lambda: refused("0.0"))

    for cents in (11, 12):
        await watched.debit(user, f"0.{cents}")
    await tab.until(lambda: bool(alarms(tab)))
    assert alarms(tab) == [SMALL.replace("5 debits", "2 debits")]
