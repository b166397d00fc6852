"""The low-balance warning: once at the crossing, again only after money was added."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.credit.tests.conftest import Api, Ledger

WARNING = "credit.low_balance.v1"


async def warnings(ledger: Ledger, user: str) -> int:
    return (await ledger.types(user)).count(WARNING)


async def test_crossing_the_threshold_warns_once(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00", threshold="5.00")

    await api.debit(user, "5.00")
    assert await warnings(ledger, user) == 0  # At the threshold is not below it.

    await api.debit(user, "0.01")
    await api.debit(user, "1.00")
    assert await warnings(ledger, user) == 1


async def test_debits_at_once_warn_once(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00", threshold="5.00")

    await asyncio.gather(*(api.debit(user, "1.00") for _ in range(10)))

    assert await warnings(ledger, user) == 1


async def test_a_top_up_above_the_threshold_arms_the_warning_again(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00", threshold="5.00")
    await api.debit(user, "6.00")

    await api.add(user, "1.00")  # Exactly at the threshold.
    await api.debit(user, "1.00")

    assert await warnings(ledger, user) == 2


async def test_a_top_up_that_stays_below_does_not_arm_it(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00", threshold="5.00")
    await api.debit(user, "8.00")

    await api.add(user, "2.99")
    await api.debit(user, "1.00")

    assert await warnings(ledger, user) == 1


async def test_failing_verifications_warn_once_and_not_each_time(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("6.00", threshold="5.00")

    for _ in range(3):
        hold_id = (await api.hold(user, "2.00")).json()["hold_id"]
        await api.end(hold_id, "void", user)

    assert await warnings(ledger, user) == 1


async def test_posting_a_hold_does_not_repeat_the_warning_of_its_placing(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("6.00", threshold="5.00")

    hold_id = (await api.hold(user, "2.00")).json()["hold_id"]
    assert await warnings(ledger, user) == 1
    await api.end(hold_id, "post", user)

    assert await warnings(ledger, user) == 1


async def test_setting_the_threshold_arms_it_when_there_is_something_to_cross(
    api: Api, ledger: Ledger
) -> None:
    user = await api.user_with("10.00", threshold="5.00")
    await api.debit(user, "6.00")
    path = "/v1/accounts/me/low-balance-threshold"

    raised = await api.call("PUT", path, user, {"currency": "USD", "amount": "20.00"})
    await api.debit(user, "1.00")
    assert raised.json()["low_balance_threshold"] == "20.00"
    assert await warnings(ledger, user) == 1  # It was below the new one already.

    await api.call("PUT", path, user, {"currency": "USD", "amount": "2.00"})
    await api.debit(user, "2.00")
    assert await warnings(ledger, user) == 2


async def test_without_a_threshold_nobody_is_warned(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("1.00")

    await api.debit(user, "1.00")

    assert await warnings(ledger, user) == 0
