"""Money in and out: never below zero, never twice, whatever is repeated or concurrent."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import orjson
import pytest

from credit.domain.commands import AddCredits, DeductCredits, Intent
from credit.domain.errors import ClaimedMeanwhile
from credit.handlers.deductions import Deductions
from credit.handlers.movements import add_credits
from credit.handlers.workers import KeyCleanup
from shared.events import CATALOGUE
from shared.money import Money

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from services.credit.tests.conftest import Api, Ledger
    from shared.db import Database


async def test_a_debit_is_booked_and_answered(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("20.00")

    answer = await api.debit(user, "2.50", service="WhatsApp", reference="V-1", link="/verifications/1")

    assert answer.status_code == 201
    view = answer.json()
    assert (view["amount"], view["balance_after"], view["held_after"]) == ("2.50", "17.50", "0.00")
    assert (view["kind"], view["service"], view["link"]) == ("deduction", "WhatsApp", "/verifications/1")
    balance = await api.balance(user)
    assert (balance["posted"], balance["available"], balance["version"]) == (
        "17.50",
        "17.50",
        view["version"],
    )
    assert await ledger.sum_of_entries(user) == 17_50


async def test_what_sql_writes_is_what_the_contracts_say(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("20.00", threshold="15.00")
    await api.debit(user, "6.00", service="WhatsApp", reference="V-1", link="/verifications/1")
    for how in ("post", "void"):
        hold_id = (await api.hold(user, "1.00", reference="V-2")).json()["hold_id"]
        await api.end(hold_id, how, user)

    events = await ledger.events(user)

    assert Counter(row["type"] for row in events) == {
        "credit.added.v1": 1,
        "credit.deducted.v1": 2,
        "credit.low_balance.v1": 1,
        "credit.held.v1": 2,
        "credit.released.v1": 1,
    }
    for row in events:
        contract = CATALOGUE[row["type"]]
        data = orjson.loads(row["text"])
        assert data == contract.model_validate(data, extra="forbid").model_dump(mode="json")


async def test_events_carry_the_requests_trace_and_what_caused_them(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("20.00", threshold="15.00")
    headers = {"x-correlation-id": "story-7", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    body = {"amount": "10.00", "currency": "USD", "reason": "Fee"}

    await api.call("POST", "/v1/accounts/me/debits", user, body, key="k", headers=headers)

    _, deducted, warning = await ledger.events(user)
    assert deducted["correlation_id"] == warning["correlation_id"] == "story-7"
    assert deducted["traceparent"].startswith(f"00-{'a' * 32}-")
    assert UUID(warning["causation_id"]) == deducted["id"]


async def test_a_debit_larger_than_the_balance_moves_nothing(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("5.00")

    answer = await api.debit(user, "5.01")

    assert answer.status_code == 402
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["available"], problem["required"]) == (
        "insufficient_credits",
        "5.00",
        "5.01",
    )
    assert await ledger.types(user) == ["credit.added.v1"]
    assert await ledger.sum_of_entries(user) == 5_00


async def test_two_hundred_debits_at_once_never_take_a_balance_below_zero(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("50.00")

    answers = await asyncio.gather(*(api.debit(user, "1.00") for _ in range(200)))

    assert Counter(answer.status_code for answer in answers) == {201: 50, 402: 150}
    assert (await api.balance(user))["available"] == "0.00"
    assert await ledger.sum_of_entries(user) == 0
    versions = [answer.json()["version"] for answer in answers if answer.status_code == 201]
    assert len(set(versions)) == 50


async def test_one_key_fifty_times_at_once_moves_money_once(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("50.00")
    key = str(uuid4())

    answers = await asyncio.gather(*(api.debit(user, "1.00", key) for _ in range(50)))
    replays = [await api.debit(user, "1.00", key) for _ in range(3)]

    booked = [answer for answer in answers if answer.status_code == 201]
    in_flight = [answer for answer in answers if answer.status_code == 409]
    assert len(booked) + len(in_flight) == 50
    assert all(answer.headers["retry-after"] == "1" for answer in in_flight)
    assert {answer.content for answer in booked + replays} == {booked[0].content}
    assert (await api.balance(user))["available"] == "49.00"
    assert await ledger.types(user) == ["credit.added.v1", "credit.deducted.v1"]


async def test_a_rejection_is_replayed_too(api: Api) -> None:
    user = await api.user_with("1.00")
    key = str(uuid4())
    first = await api.debit(user, "2.00", key)
    await api.add(user, "10.00")

    again = await api.debit(user, "2.00", key)

    assert (first.status_code, again.status_code) == (402, 402)
    assert first.content == again.content
    assert (await api.balance(user))["available"] == "11.00"


async def test_a_key_with_another_body_is_refused(api: Api) -> None:
    user = await api.user_with("50.00")
    key = str(uuid4())
    await api.debit(user, "1.00", key)

    answer = await api.debit(user, "2.00", key)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert (await api.balance(user))["available"] == "49.00"


async def test_the_same_key_of_two_users_is_two_keys(api: Api) -> None:
    key = str(uuid4())
    users = [await api.user_with("5.00") for _ in range(2)]

    answers = [await api.debit(user, "1.00", key) for user in users]

    assert [answer.status_code for answer in answers] == [201, 201]


async def test_a_repetition_after_its_key_is_forgotten_still_moves_nothing(
    api: Api, owner: Connection[Record], db: Database
) -> None:
    user = await api.user_with("5.00")
    key = str(uuid4())
    first = await api.debit(user, "1.00", key)
    await owner.execute(
        "UPDATE idempotency_key SET created_at = created_at - interval '25 hours' WHERE key = $1", key
    )
    assert await KeyCleanup(db).delete_batch() >= 1
    assert await owner.fetchval("SELECT count(*) FROM idempotency_key WHERE key = $1", key) == 0

    again = await api.debit(user, "1.00", key)

    assert again.status_code == 201
    assert again.content == first.content
    assert (await api.balance(user))["available"] == "4.00"


async def test_the_cleanup_leaves_keys_of_the_last_day_alone(
    api: Api, owner: Connection[Record], db: Database
) -> None:
    user = await api.user_with("5.00")
    key = str(uuid4())
    await api.debit(user, "1.00", key)
    await owner.execute(
        "UPDATE idempotency_key SET created_at = created_at - interval '23 hours' WHERE key = $1", key
    )

    await KeyCleanup(db).delete_batch()

    assert await owner.fetchval("SELECT count(*) FROM idempotency_key WHERE key = $1", key) == 1


async def test_one_transfer_id_under_many_keys_at_once_moves_money_once(api: Api, db: Database) -> None:
    user = await api.user_with("50.00")
    transfer_id = uuid4()

    async def add(number: int) -> int:
        intent = Intent("payment", f"{transfer_id}-{number}", "f")
        command = AddCredits(intent, user, Money(5_00, "USD"), "payment", "Top-up", transfer_id=transfer_id)
        try:
            async with db.autocommit() as tx:
                return (await add_credits(tx, command)).status
        except ClaimedMeanwhile:
            return 0

    statuses = await asyncio.gather(*(add(number) for number in range(20)))

    assert set(statuses) <= {0, 201}
    assert 201 in statuses
    assert (await api.balance(user))["available"] == "55.00"


async def test_a_transfer_id_with_another_amount_is_a_conflict(api: Api, db: Database) -> None:
    user = await api.user_with("50.00")
    transfer_id = uuid4()

    async def deduct(minor: int) -> tuple[int, object]:
        intent = Intent("payment", str(uuid4()), "f")
        command = DeductCredits(intent, user, Money(minor, "USD"), "Fee", transfer_id=transfer_id)
        outcome = await Deductions(db).deduct_credits(command)
        return outcome.status, outcome.answer.get("code")

    assert await deduct(1_00) == (201, None)
    assert await deduct(2_00) == (409, "transfer_conflict")
    assert (await api.balance(user))["available"] == "49.00"


async def test_a_user_without_an_account_cannot_be_debited(api: Api) -> None:
    answer = await api.debit("nobody", "1.00")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_an_account_in_another_currency_does_not_help(api: Api) -> None:
    user = await api.user_with("5.00")

    answer = await api.debit(user, "1.00", currency="EUR")

    assert (answer.status_code, answer.json()["code"]) == (422, "currency_mismatch")


async def test_a_closed_account_takes_and_gives_nothing(api: Api, owner: Connection[Record]) -> None:
    user = await api.user_with("5.00")
    await owner.execute("UPDATE account SET closed_at = now() WHERE user_id = $1", user)

    answers = [await api.debit(user, "1.00"), await api.add(user, "1.00"), await api.hold(user, "1.00")]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "account_closed")] * 3


async def test_a_balance_does_not_grow_without_bound(api: Api) -> None:
    user = await api.user_with("9999999999999.00")

    answer = await api.add(user, "1.01")

    assert (answer.status_code, answer.json()["code"]) == (422, "balance_limit")


@pytest.mark.parametrize(
    ("currency", "amount", "after"),
    [("JPY", "100", "900"), ("KWD", "0.001", "999.999"), ("EUR", "1", "999.00")],
)
async def test_each_currency_has_its_own_digits(api: Api, currency: str, amount: str, after: str) -> None:
    user = await api.user_with("1000", currency=currency)

    answer = await api.debit(user, amount, currency=currency)

    assert answer.json()["balance_after"] == after
