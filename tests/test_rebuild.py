"""An operator rebuilds a stream while its owner looks on: every tab loads afresh and shows the same."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from functools import partial

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from ledgerbell.main import app
from ledgerbell.stack import Stack
from ledgerbell.tab import Tab

TabOf = Callable[[str], Tab]
Looks = list[tuple[object, ...]]


async def rebuild(stack: Stack, *arguments: str, roles: tuple[str, ...] = ("operator",)) -> Result:
    environment = {
        "LEDGERBELL_GATEWAY_URL": stack.gateway_url,
        "LEDGERBELL_OPERATOR_TOKEN": stack.token("olga", roles),
    }
    arguments = ("rebuild", *arguments)
    return await to_thread(
        partial(CliRunner().invoke, app, arguments, env=environment, catch_exceptions=False)
    )


@pytest.fixture
async def http(stack: Stack, user: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {stack.token(user)}"}
    async with httpx.AsyncClient(base_url=stack.gateway_url, headers=headers, trust_env=False) as client:
        yield client


def looks(tab: Tab) -> Looks:
    """The list as its owner sees it."""
    return [
        (
            received.frame["seq"],
            received.frame["id"],
            received.text,
            received.frame["amount"],
            received.frame["read"]
            or received.frame["seq"] <= tab.read_seq
            or received.frame["id"] in tab.read_ids,
        )
        for received in tab.received
    ]


async def test_every_tab_is_reset_and_shows_the_same(
    stack: Stack, tab_of: TabOf, http: httpx.AsyncClient, user: str
) -> None:
    one, two = tab_of(user), tab_of(user)
    one.loads_history = two.loads_history = True
    async with one, two:
        await stack.open_account(user, "USD")
        await stack.add_credits(user, "100.00")
        await one.until(lambda: len(one.received) == 1)
        for number in range(11):
            await stack.debit(user, "1.00", reason=f"Debit {number}")
        await one.until(lambda: len(one.received) == 12)
        (await http.post("/v1/notifications/read", json={"up_to_seq": 4})).raise_for_status()
        id_ = one.received[7].frame["id"]
        (await http.post(f"/v1/notifications/{id_}/read")).raise_for_status()
        for tab in (one, two):
            await tab.until(lambda tab=tab: len(tab.received) == 12 and tab.unread == 7)  # type: ignore[misc]  # mypy cannot type a default.
        before = looks(one)
        poll = (await http.get("/v1/stream", params={"after": "1:12"})).raise_for_status()

        rebuilt = await rebuild(stack, "--user", user)

        for tab in (one, two):
            await tab.until(lambda tab=tab: tab.resets == 1 and tab.live.is_set())  # type: ignore[misc]  # As above.
        polled = await http.get(
            "/v1/stream", params={"after": "1:12"}, headers={"if-none-match": poll.headers["etag"]}
        )
        await stack.debit(user, "1.00", reason="Afterwards")
        for tab in (one, two):
            await tab.until(lambda tab=tab: len(tab.received) == 13)  # type: ignore[misc]  # As above.

    assert rebuilt.exit_code == 0
    assert rebuilt.stdout == "ledgerbell: epoch 2, 12 notifications, 7 unread; no differences\n"
    assert (polled.json()["reset"], polled.json()["cursor"]) == (True, "2:12")
    for tab in (one, two):
        assert looks(tab)[:12] == before
        assert (tab.cursor, tab.unread, tab.resets, tab.doubled) == ("2:13", 8, 1, 0)
        assert tab.balances["USD"]["available"] == "88.00"


async def test_a_count_that_was_wrong_is_told_and_is_right_on_the_tab_afterwards(
    stack: Stack, tab_of: TabOf, user: str
) -> None:
    async with tab_of(user) as tab:
        tab.loads_history = True
        await stack.open_account(user, "USD")
        await stack.add_credits(user, "10.00")
        await tab.until(lambda: tab.unread == 1)
        notifier = await asyncpg.connect(stack.database_url("notifier"))
        await notifier.execute("UPDATE stream SET unread = 0 WHERE user_id = $1", user)
        await notifier.close()

        compared = await rebuild(stack, "--user", user, "--compare")
        rebuilt = await rebuild(stack, "--user", user)
        again = await rebuild(stack, "--user", user, "--compare")
        await tab.until(lambda: tab.resets == 1 and tab.live.is_set())

    told = "unread    it was 0, its events make 1\n"
    assert (compared.exit_code, rebuilt.exit_code, again.exit_code) == (1, 1, 0)
    assert compared.stdout == f"{told}ledgerbell: epoch 1, 1 notifications, 0 unread; 1 differences\n"
    assert rebuilt.stdout == f"{told}ledgerbell: epoch 2, 1 notifications, 1 unread; 1 differences\n"
    assert tab.unread == len(tab.received) == 1


async def test_nobody_elses_word_and_nobodys_stream_is_taken(stack: Stack, user: str) -> None:
    forbidden = await rebuild(stack, "--user", user, roles=("user",))
    unknown = await rebuild(stack, "--user", user)

    assert (forbidden.exit_code, unknown.exit_code) == (1, 1)
    assert "This needs the role operator. (forbidden" in forbidden.stderr
    assert "There is no such stream. (not_found" in unknown.stderr
