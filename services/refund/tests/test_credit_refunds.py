"""Refunds to the balance: asked for, decided, booked by the real ledger; by hand and automatic."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.refund.tests.bench import OPERATOR, SERVICE, USER, Bench
from shared.events.credit import CreditRejected
from shared.events.verification import VerificationNumberAssigned


async def test_a_users_request_waits_for_an_operator_and_then_the_credits_are_back(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.verified(user, 1_50)

    asked = await bench.ask(user, verification_id=verification)
    waiting = await bench.row(asked.json()["refund_id"])
    processed = await bench.process(asked.json()["refund_id"])
    await bench.carry(user)

    assert (asked.status_code, asked.json()["state"], asked.json()["amount"]) == (201, "initiated", "1.50")
    assert waiting["due_at"] is None
    assert (processed.status_code, processed.json()["state"]) == (200, "processing")
    assert await bench.published(user) == ["refund.initiated", "refund.processing", "refund.completed"]
    assert await bench.balance(user) == (1_50, 0)
    completed = (await bench.events(user))[-1]
    assert (completed["balance_after"], completed["service"], completed["auto"]) == (1_50, "WhatsApp", False)
    assert completed["transfer_id"] == UUID(processed.json()["transfer_id"])
    assert {str(event.get("verification_id")) for event in await bench.events(user)} == {str(verification)}


@pytest.mark.parametrize("roles", [OPERATOR, SERVICE])
async def test_one_that_an_operator_or_a_service_initiates_is_claimed_after_its_grace(
    bench: Bench, roles: tuple[str, ...]
) -> None:
    user = await bench.user_with()
    asked = await bench.ask("op", roles=roles, verification_id=await bench.verified(user))
    refund = asked.json()["refund_id"]

    due_in = (await bench.row(refund))["due_in"].total_seconds()
    await bench.do(refund)
    await bench.carry(user)

    assert asked.json()["user_id"] == user
    assert 8 < due_in <= 10
    assert await bench.state(refund) == "completed"
    assert (await bench.row(refund))["due_at"] is None


async def test_an_operator_credits_a_payment_back_in_parts(bench: Bench) -> None:
    user = await bench.user_with()
    payment = await bench.paid(user, 10_00)

    for amount in ("4.00", None):
        body = {"amount": amount} if amount else {}
        asked = await bench.ask("op", roles=OPERATOR, payment_id=payment, kind="credit", **body)
        await bench.process(asked.json()["refund_id"])
    too_much = await bench.ask("op", roles=OPERATOR, payment_id=payment, kind="credit")
    await bench.carry(user)

    assert await bench.balance(user) == (10_00, 0)
    assert (too_much.status_code, too_much.json()["remaining"]) == (422, "0.00")


async def test_a_refund_the_ledger_cannot_book_fails_and_releases_its_reservation(bench: Bench) -> None:
    user = f"without-account-{uuid4()}"
    verification = await bench.verified(user)
    refund = (await bench.ask(user, verification_id=verification)).json()["refund_id"]

    await bench.process(refund)
    await bench.carry(user)

    row = await bench.row(refund)
    assert (row["state"], row["failure_code"]) == ("failed", "credit_rejected")
    assert row["failure_reason"] == "the user has no account"
    assert await bench.reserved(verification) == 0
    assert (await bench.published(user))[-1] == "refund.failed"
    again = await bench.ask(user, verification_id=verification)
    assert (again.status_code, again.json()["refund_id"] != refund) == (201, True)


@pytest.mark.parametrize("roles", [USER, SERVICE])
async def test_a_verification_whose_code_may_still_come_is_refunded_by_operators_only(
    bench: Bench, roles: tuple[str, ...]
) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    key = str(uuid4())
    caller = user if roles == USER else "service"

    early = await bench.ask(caller, roles=roles, verification_id=verification, key=key)
    silence = await bench.published(user)
    await bench.code_came(user, verification)
    later = await bench.ask(caller, roles=roles, verification_id=verification, key=key)

    assert (early.status_code, early.json()["code"]) == (409, "state_conflict")
    assert (silence, await bench.reserved(verification)) == ([], 1_00)
    assert later.status_code == 201


async def test_an_operator_refunds_one_that_never_came_to_an_end(bench: Bench) -> None:
    user = await bench.user_with()

    asked = await bench.ask("op", roles=OPERATOR, verification_id=await bench.bought(user))

    assert (asked.status_code, asked.json()["user_id"]) == (201, user)


async def test_a_code_that_is_heard_of_before_its_number_counts_too(bench: Bench) -> None:
    user = await bench.user_with()
    verification = uuid4()
    charged = bench.charged(verification) | {"phone_number": "+15550100"}
    for _ in range(2):
        await bench.code_came(user, verification)
    await bench.hear(VerificationNumberAssigned.model_validate(charged), user)

    assert (await bench.ask(user, verification_id=verification)).status_code == 201


@pytest.mark.parametrize("ending", ["timeout", "cancelled"])
async def test_a_verification_that_ended_without_a_code_is_refunded_by_itself(
    bench: Bench, ending: str
) -> None:
    user = await bench.user_with()
    verification = uuid4()  # Its number was assigned, but that event comes later.

    await (bench.timed_out if ending == "timeout" else bench.was_cancelled)(user, verification, 2_00)
    await bench.carry(user)

    events = await bench.events(user)
    assert [event["type"] for event in events] == [
        "refund.initiated",
        "refund.processing",
        "refund.completed",
    ]
    assert all(event["auto"] and event["reason"] == ending for event in events)
    assert events[-1]["service"] == "WhatsApp"
    assert await bench.balance(user) == (2_00, 0)


async def test_there_is_one_automatic_refund_however_often_the_ending_is_told(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)

    for _ in range(2):
        await bench.timed_out(user, verification)
        await bench.was_cancelled(user, verification)
        await bench.carry(user)

    assert await bench.published(user) == ["refund.initiated", "refund.processing", "refund.completed"]
    assert await bench.balance(user) == (1_00, 0)


async def test_a_request_that_meets_the_automatic_refund_gets_that_one_for_ever(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    await bench.timed_out(user, verification)
    key = str(uuid4())

    asked = await bench.ask(user, verification_id=verification, key=key)
    await bench.carry(user)
    again = await bench.ask(user, verification_id=verification, key=key)
    other = await bench.ask(user, verification_id=verification, reason="Another", key=key)

    assert (asked.status_code, asked.json()["auto"], asked.json()["state"]) == (200, True, "processing")
    assert (again.status_code, again.json()["state"]) == (200, "completed")
    assert again.json()["refund_id"] == asked.json()["refund_id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_the_ending_processes_a_request_that_waits_for_an_operator(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    asked = (await bench.ask("op", roles=OPERATOR, verification_id=verification)).json()

    await bench.timed_out(user, verification)
    cancelled = await bench.cancel(asked["refund_id"], user)
    await bench.carry(user)

    assert (cancelled.status_code, cancelled.json()["state"]) == (409, "processing")
    assert await bench.published(user) == ["refund.initiated", "refund.processing", "refund.completed"]
    assert not (await bench.events(user))[-1]["auto"]
    assert await bench.balance(user) == (1_00, 0)


async def test_the_ending_changes_nothing_where_the_refund_by_hand_is_completed(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    await bench.process(
        (await bench.ask("op", roles=OPERATOR, verification_id=verification)).json()["refund_id"]
    )
    await bench.carry(user)

    await bench.timed_out(user, verification)
    await bench.carry(user)

    assert len(await bench.published(user)) == 3
    assert await bench.balance(user) == (1_00, 0)


async def test_the_automatic_refund_is_made_where_one_by_hand_was_cancelled(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    asked = (await bench.ask("op", roles=OPERATOR, verification_id=verification)).json()
    await bench.cancel(asked["refund_id"], user)

    await bench.timed_out(user, verification)
    await bench.carry(user)

    assert (await bench.published(user))[:2] == ["refund.initiated", "refund.cancelled"]
    assert (await bench.events(user))[-1]["auto"]
    assert await bench.balance(user) == (1_00, 0)


async def test_the_automatic_refund_is_made_when_one_by_hand_that_stood_in_its_way_fails(
    bench: Bench,
) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    asked = (await bench.ask("op", roles=OPERATOR, verification_id=verification)).json()
    by_hand = (await bench.process(asked["refund_id"])).json()
    await bench.timed_out(user, verification)
    assert len(await bench.published(user)) == 2

    rejected = CreditRejected(
        transfer_id=by_hand["transfer_id"],
        currency="USD",
        amount_minor=1_00,
        source="refund",
        reason="the account is closed",
    )
    await bench.hear(rejected, user)

    events = await bench.events(user)
    assert [event["type"] for event in events[2:]] == [
        "refund.failed",
        "refund.initiated",
        "refund.processing",
    ]
    assert events[-1]["auto"]
    assert await bench.reserved(verification) == 1_00


async def test_a_failed_automatic_refund_is_not_made_again_but_a_person_can_ask(bench: Bench) -> None:
    user = f"without-account-{uuid4()}"
    verification = await bench.bought(user)
    await bench.timed_out(user, verification)
    await bench.carry(user)

    await bench.was_cancelled(user, verification)
    by_hand = await bench.ask(user, verification_id=verification)

    assert await bench.published(user) == [
        "refund.initiated",
        "refund.processing",
        "refund.failed",
        "refund.initiated",
    ]
    assert (by_hand.status_code, by_hand.json()["auto"]) == (201, False)


async def test_a_free_verification_is_not_refunded(bench: Bench) -> None:
    user = await bench.user_with()

    await bench.timed_out(user, await bench.bought(user, 0), 0)

    assert await bench.published(user) == []
