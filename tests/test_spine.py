"""One whole way through: a debit over HTTP rings on every tab of its owner, once, and on nobody else's."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import httpx
import pytest

from ledgerbell.stack import Stack
from ledgerbell.tab import Frame, Tab

TabOf = Callable[[str], Tab]


async def fund(stack: Stack, user: str, amount: str = "100.00") -> None:
    await stack.open_account(user, "USD")
    await stack.add_credits(user, amount)


def available(tab: Tab) -> str | None:
    """The balance a tab shows; it arrives just after the notification of what changed it."""
    return tab.balances["USD"]["available"] if "USD" in tab.balances else None


async def test_a_debit_rings_on_every_tab_of_its_owner_and_on_no_other(
    stack: Stack, tab_of: TabOf, user: str
) -> None:
    stranger = f"{user}-stranger"
    async with tab_of(user) as one, tab_of(user) as two, tab_of(stranger) as other:
        await fund(stack, user, "10.00")
        await one.until(lambda: len(one.received) == 1)  # Between lanes no order is promised.
        transfer = await stack.debit(user, "2.50", reason="WhatsApp verification")
        for tab in (one, two):
            await tab.until(lambda tab=tab: len(tab.received) == 2 and available(tab) == "7.50")  # type: ignore[misc]  # mypy cannot type a default.

        for tab in (one, two):
            assert [received.text for received in tab.received] == [
                "💰 Credits Added - $10.00 added. Reason: Test. New balance: $10.00",
                "💳 Credits Deducted - $2.50 for WhatsApp verification. New balance: $7.50",
            ]
            assert tab.received[1].frame["transfer_id"] == transfer
            assert tab.received[1].frame["amount"] == "-2.50"
            assert tab.unread == 2
            assert tab.doubled == 0
        assert other.received == []
        assert other.balances == {}


async def test_a_tab_that_comes_back_gets_what_it_missed_and_nothing_twice(
    stack: Stack, tab_of: TabOf, user: str
) -> None:
    async with tab_of(user) as tab:
        await fund(stack, user)
        for n in range(60):
            await stack.debit(user, "0.01", reason=f"Debit {n}")
            if n % 15 == 7:
                await tab.break_off()
        await tab.until(lambda: len(tab.received) == 61 and available(tab) == "99.40")

        assert tab.seqs == list(range(1, 62))
        assert tab.doubled == 0
        assert tab.sessions > 1


class Tongueless(Tab):
    """It cannot say that something was shown."""

    async def send(self, frame: Frame) -> None:
        if frame["type"] == "ack":
            raise LookupError("no words for it")
        await super().send(frame)


async def test_a_tab_that_cannot_take_its_leave_is_gone_all_the_same(stack: Stack, user: str) -> None:
    await stack.open_account(user, "USD")
    tab = Tongueless(stack.gateway_url, lambda: stack.token(user))

    async def visit() -> None:
        async with tab:
            for count in (1, 2):  # It fails at the first by itself, and at the last when it is left.
                await stack.add_credits(user, "1.00")
                await tab.until(lambda count=count: len(tab.received) == count)  # type: ignore[misc]  # mypy cannot type a default.

    with pytest.raises(LookupError):
        await visit()

    assert tab._running is not None
    assert tab._running.done()


async def test_a_tab_opened_later_gets_all_since_its_cursor(stack: Stack, tab_of: TabOf, user: str) -> None:
    await fund(stack, user)
    for n in range(120):
        await stack.debit(user, "0.01", reason=f"Debit {n}")
    async with tab_of(user) as first:
        await first.until(lambda: len(first.received) == 121)
    late = tab_of(user)
    late.cursor = "1:100"
    async with late:
        await late.until(lambda: len(late.received) == 21)

    assert late.seqs == list(range(101, 122))
    assert late.unread == 121


async def test_reading_in_one_tab_reads_in_all(stack: Stack, tab_of: TabOf, user: str) -> None:
    async with tab_of(user) as one, tab_of(user) as two:
        await fund(stack, user)
        await stack.debit(user, "1.00", reason="One")
        await stack.debit(user, "1.00", reason="Two")
        await one.until(lambda: one.unread == 3)
        async with httpx.AsyncClient(base_url=stack.gateway_url) as http:
            headers = {"authorization": f"Bearer {stack.token(user)}"}
            id_ = one.received[0].frame["id"]
            (await http.post(f"/v1/notifications/{id_}/read", headers=headers)).raise_for_status()
            await two.until(lambda: two.unread == 2)
            assert two.read_ids == {id_}
            body = {"up_to_seq": 3}
            (await http.post("/v1/notifications/read", json=body, headers=headers)).raise_for_status()
            await two.until(lambda: two.unread == 0)
        await one.until(lambda: one.unread == 0)
        assert two.read_seq == 3


async def test_what_the_socket_says_the_history_says_too(stack: Stack, tab_of: TabOf, user: str) -> None:
    async with tab_of(user) as tab:
        await fund(stack, user)
        for n in range(30):
            await stack.debit(user, "0.10", reason=f"Debit {n}")
        await tab.until(lambda: len(tab.received) == 31)
    headers = {"authorization": f"Bearer {stack.token(user)}"}
    history: list[dict[str, object]] = []
    async with httpx.AsyncClient(base_url=stack.gateway_url, headers=headers) as http:
        before: str | None = None
        while True:
            query = {"limit": "10"} | ({"before": before} if before else {})
            page = (await http.get("/v1/notifications", params=query)).raise_for_status().json()
            history += page["items"]
            before = page["next"]
            if before is None:
                break

    assert [item["seq"] for item in history] == list(range(31, 0, -1))
    assert [item["text"] for item in reversed(history)] == [received.text for received in tab.received]
    assert page["unread"] == 31


async def test_polling_says_what_the_socket_says(stack: Stack, user: str) -> None:
    await fund(stack, user)
    headers = {"authorization": f"Bearer {stack.token(user)}"}
    async with httpx.AsyncClient(base_url=stack.gateway_url, headers=headers, timeout=30) as http:

        async def poll(after: str, etag: str = "", wait: int = 0) -> httpx.Response:
            query = f"/v1/stream?after={after}&wait={wait}"
            return await http.get(query, headers={"if-none-match": etag})

        async with asyncio.timeout(20):
            while (first := await poll("1:0")).json()["cursor"] != "1:1":
                await asyncio.sleep(0.02)
        etag = first.headers["etag"]
        assert [frame["type"] for frame in first.json()["frames"]] == ["notification", "live"]
        assert first.headers["x-poll-interval"] == "5"
        assert (await poll("1:1", etag)).status_code == 304

        waiting = asyncio.create_task(poll("1:1", etag, wait=20))
        await stack.debit(user, "1.00", reason="Awaited")
        answer = (await waiting).raise_for_status().json()
        assert [frame["type"] for frame in answer["frames"]] == ["notification", "live"]
        assert answer["frames"][0]["text"].startswith("💳 Credits Deducted - $1.00 for Awaited")
        assert answer["frames"][1]["unread"] == 2


@pytest.mark.parametrize("tabs", [5])
async def test_many_debits_at_once_arrive_in_one_order_everywhere(
    stack: Stack, tab_of: TabOf, user: str, tabs: int
) -> None:
    opened = [tab_of(user) for _ in range(tabs)]
    async with asyncio.TaskGroup() as group:
        for tab in opened:
            group.create_task(tab.__aenter__())
    await fund(stack, user)
    await asyncio.gather(*(stack.debit(user, "0.05", reason=f"Debit {n}") for n in range(200)))
    for tab in opened:
        await tab.until(lambda tab=tab: len(tab.received) == 201 and available(tab) == "90.00")  # type: ignore[misc]  # mypy cannot type a default.
    for tab in opened:
        await tab.__aexit__(None, None, None)

    orders = [[received.frame["id"] for received in tab.received] for tab in opened]
    assert all(left == right for left, right in pairwise(orders))
    assert all(tab.seqs == list(range(1, 202)) for tab in opened)


async def test_crossing_the_threshold_warns_once(stack: Stack, tab_of: TabOf, user: str) -> None:
    async with tab_of(user) as tab:
        await stack.open_account(user, "USD", low_balance_threshold="5.00")
        await stack.add_credits(user, "6.00")
        for _ in range(3):
            await stack.debit(user, "1.00", reason="Rental")
        await tab.until(lambda: len(tab.received) == 5)

        warnings = [r.text for r in tab.received if r.frame["kind"] == "credit.low_balance"]
        assert warnings == ["⚠️ Low Balance - Add credits to continue"]
