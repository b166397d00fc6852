"""Refunds to the card: the credits are held first, taken when the money is back, else given back."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from services.refund.tests.bench import OPERATOR, Bench

COMPLETED = ["refund.initiated", "refund.processing", "refund.completed"]


async def asked_of(bench: Bench, amount: str | None = None) -> tuple[str, dict[str, Any]]:
    """A user with 10.00 paid and unspent, and their refund of it."""
    user = await bench.user_with("10.00")
    body = {"amount": amount} if amount else {}
    asked = await bench.ask(user, payment_id=await bench.paid(user, 10_00), **body)
    assert asked.status_code == 201, asked.text
    return user, asked.json()


async def under_way(bench: Bench) -> tuple[str, dict[str, Any]]:
    user, refund = await asked_of(bench)
    await bench.process(refund["refund_id"])
    return user, refund


async def completed(bench: Bench) -> tuple[str, dict[str, Any]]:
    user, refund = await under_way(bench)
    await bench.returned(refund)
    await bench.do(refund["refund_id"])
    return user, refund


def reviews(lines: Any) -> list[str]:
    return [line["cause"] for line in lines if line["log_level"] == "critical"]


async def test_the_credits_are_held_before_anything_is_said_and_taken_when_the_money_is_back(
    bench: Bench,
) -> None:
    user, refund = await asked_of(bench, "4.00")
    held = await bench.balance(user)
    await bench.do(refund["refund_id"])  # Its grace is over.
    await bench.returned(refund)
    await bench.do(refund["refund_id"])

    assert (refund["kind"], refund["state"], held) == ("money", "initiated", (10_00, 4_00))
    assert await bench.balance(user) == (6_00, 0)
    events = await bench.events(user)
    assert [event["type"] for event in events] == COMPLETED
    row = await bench.row(refund["refund_id"])
    assert events[1]["transfer_id"] == row["hold_id"]
    assert events[2]["transfer_id"] == row["transfer_id"] != row["hold_id"]
    assert (events[2]["balance_after"], events[2]["held_after"], events[2]["kind"]) == (6_00, 0, "money")
    assert {event["payment_id"] for event in events} == {UUID(refund["payment_id"])}


async def test_credits_that_are_already_spent_cannot_go_back_to_the_card(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)
    await bench.spend(user, "3.00")
    key = str(uuid4())

    refused = await bench.ask(user, payment_id=payment, key=key)
    again = await bench.ask(user, payment_id=payment, key=key)
    less = await bench.ask(user, payment_id=payment, amount="7.00")

    assert (refused.status_code, refused.json()["code"]) == (422, "credits_already_spent")
    assert {**again.json(), "ref": None} == {**refused.json(), "ref": None}
    assert less.status_code == 201
    assert await bench.reserved(payment) == 7_00
    assert await bench.published(user) == ["refund.initiated"]


async def test_what_else_credit_refuses_is_answered_in_its_own_words(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)
    await bench.close_account(user)
    key = str(uuid4())

    refused = await bench.ask(user, payment_id=payment, key=key)
    again = await bench.ask(user, payment_id=payment, key=key)

    assert (refused.status_code, refused.json()["code"]) == (422, "account_closed")
    assert "closed" in refused.json()["detail"]
    assert {**again.json(), "ref": None} == {**refused.json(), "ref": None}
    assert await bench.reserved(payment) == 0


async def test_while_credit_does_not_take_our_token_nothing_is_decided(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)
    key = str(uuid4())
    bench.line.refusing = 401

    undecided = await bench.ask(user, payment_id=payment, key=key)
    bench.line.refusing = None

    assert undecided.status_code == 503
    assert (await bench.ask(user, payment_id=payment, key=key)).status_code == 201


async def test_an_operator_may_send_a_users_money_back(bench: Bench) -> None:
    user = await bench.user_with("10.00")

    asked = await bench.ask("op", roles=OPERATOR, payment_id=await bench.paid(user))

    assert (asked.status_code, asked.json()["user_id"], asked.json()["kind"]) == (201, user, "money")


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_repetition_goes_on_from_where_credit_did_not_answer(bench: Bench, cut: str) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user)
    key = str(uuid4())
    bench.line.cut = cut

    unknown = await bench.ask(user, payment_id=payment, key=key)
    silence = await bench.published(user)
    listed = await bench.call("GET", "", user)
    bench.line.cut = None
    settled = await bench.ask(user, payment_id=payment, key=key)

    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "1")
    assert (silence, listed.json()["items"]) == ([], [])
    assert settled.status_code == 201
    assert await bench.balance(user) == (10_00, 10_00)
    assert await bench.reserved(payment) == 10_00
    assert await bench.published(user) == ["refund.initiated"]


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_intent_that_nobody_comes_back_for_is_abandoned_with_its_hold(
    bench: Bench, cut: str
) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user)
    key = str(uuid4())
    bench.line.cut = cut
    assert (await bench.ask(user, payment_id=payment, key=key)).status_code == 503
    bench.line.cut = None
    (left,) = (await bench.call("GET", f"?user_id={user}", "op", roles=OPERATOR)).json()["items"]
    row = await bench.row(left["refund_id"])
    assert (left["state"], 50 < row["due_in"].total_seconds() <= 60) == ("holding", True)

    await bench.do(left["refund_id"])
    late = await bench.ask(user, payment_id=payment, key=key)

    assert (late.status_code, late.json()["code"]) == (422, "abandoned")
    assert await bench.balance(user) == (10_00, 0)
    assert await bench.reserved(payment) == 0
    assert await bench.published(user) == []
    assert (await bench.row(left["refund_id"]))["due_at"] is None


async def test_an_abandoned_hold_is_voided_once_credit_is_back(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user)
    bench.line.cut = "after"
    assert (await bench.ask(user, payment_id=payment)).status_code == 503
    (left,) = (await bench.call("GET", f"?user_id={user}", "op", roles=OPERATOR)).json()["items"]

    await bench.do(left["refund_id"])
    rejected = await bench.row(left["refund_id"])
    bench.line.cut = None
    await bench.do(left["refund_id"])

    assert rejected["state"] == "rejected"
    assert rejected["due_at"] is not None
    assert await bench.balance(user) == (10_00, 0)


async def test_cancelled_while_it_is_initiated_the_hold_is_voided(bench: Bench) -> None:
    user, refund = await asked_of(bench)

    cancelled = await bench.cancel(refund["refund_id"], user)
    again = await bench.cancel(refund["refund_id"], user)
    await bench.do(refund["refund_id"])

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert again.json() == cancelled.json()
    assert await bench.balance(user) == (10_00, 0)
    assert await bench.reserved(UUID(refund["payment_id"])) == 0
    assert await bench.published(user) == ["refund.initiated", "refund.cancelled"]


async def test_refused_by_the_provider_it_fails_and_the_credits_stay(bench: Bench) -> None:
    user, refund = await under_way(bench)

    await bench.refused(refund, "card closed")
    await bench.do(refund["refund_id"])

    assert await bench.balance(user) == (10_00, 0)
    assert await bench.reserved(UUID(refund["payment_id"])) == 0
    failed = (await bench.events(user))[-1]
    assert (failed["type"], failed["reversed"], failed["reason"]) == ("refund.failed", False, "card closed")


async def test_failed_by_the_provider_after_it_was_completed_the_credits_come_back(bench: Bench) -> None:
    user, refund = await completed(bench)
    assert await bench.balance(user) == (0, 0)

    for _ in range(2):
        await bench.refused(refund)
        await bench.carry(user)

    assert await bench.balance(user) == (10_00, 0)
    assert await bench.reserved(UUID(refund["payment_id"])) == 0
    events = await bench.events(user)
    assert [event["type"] for event in events] == [*COMPLETED, "refund.failed"]
    row = await bench.row(refund["refund_id"])
    assert events[-1]["reversed"]
    assert events[-1]["transfer_id"] == row["compensation_transfer_id"]
    assert (row["state"], row["due_at"]) == ("failed", None)


async def test_told_twice_that_the_money_is_back_it_is_completed_once(bench: Bench) -> None:
    user, refund = await completed(bench)

    await bench.returned(refund)
    await bench.do(refund["refund_id"])

    assert await bench.published(user) == COMPLETED
    assert await bench.balance(user) == (0, 0)


async def test_success_and_failure_before_credit_is_told_leave_the_credits(bench: Bench) -> None:
    user, refund = await under_way(bench)

    await bench.returned(refund)
    await bench.refused(refund)
    await bench.do(refund["refund_id"])

    assert await bench.state(refund["refund_id"]) == "failed"
    assert await bench.balance(user) == (10_00, 0)
    assert (await bench.published(user))[-1] == "refund.failed"


async def test_a_failure_that_finds_the_hold_just_posted_gives_the_credits_back(bench: Bench) -> None:
    user, refund = await under_way(bench)
    await bench.returned(refund)
    bench.line.cut = "after"
    await bench.do(refund["refund_id"])  # Posted at credit, and nobody here knows.
    bench.line.cut = None
    assert await bench.balance(user) == (0, 0)

    await bench.refused(refund)
    await bench.do(refund["refund_id"])
    await bench.carry(user)

    assert await bench.balance(user) == (10_00, 0)
    assert await bench.published(user) == [*COMPLETED, "refund.failed"]
    assert (await bench.events(user))[-1]["reversed"]


@pytest.mark.parametrize("voided", [False, True])
async def test_a_success_that_is_heard_after_the_failure_that_followed_it_alarms_nobody(
    bench: Bench, voided: bool
) -> None:
    user, refund = await under_way(bench)
    await bench.refused(refund)
    if voided:
        await bench.do(refund["refund_id"])

    with capture_logs() as lines:
        await bench.returned(refund)
        await bench.do(refund["refund_id"])

    assert reviews(lines) == []
    assert await bench.state(refund["refund_id"]) == "failed"
    assert await bench.balance(user) == (10_00, 0)


@pytest.mark.parametrize("before", ["initiated", "cancelled"])
async def test_money_that_leaves_where_nobody_asked_for_it_calls_a_person(bench: Bench, before: str) -> None:
    user, refund = await asked_of(bench)
    if before == "cancelled":
        await bench.cancel(refund["refund_id"], user)

    with capture_logs() as lines:
        await bench.returned(refund)

    assert reviews(lines) == ["money_left"]
    assert await bench.state(refund["refund_id"]) == before


async def test_another_amount_than_the_refunds_calls_a_person_and_completes_nothing(bench: Bench) -> None:
    _, refund = await under_way(bench)

    with capture_logs() as lines:
        await bench.returned({**refund, "amount": "9.00"})

    assert reviews(lines) == ["money_left"]
    assert await bench.state(refund["refund_id"]) == "processing"


async def test_a_hold_that_is_gone_when_the_money_is_back_calls_a_person(bench: Bench) -> None:
    _, refund = await under_way(bench)
    row = await bench.row(refund["refund_id"])
    await bench.credit.void_hold(row["hold_id"])
    await bench.returned(refund)

    with capture_logs() as lines:
        await bench.do(refund["refund_id"])

    assert reviews(lines) == ["credit_refused"]
    row = await bench.row(refund["refund_id"])
    assert (row["state"], row["due_in"].total_seconds() > 86_000) == ("processing", True)
