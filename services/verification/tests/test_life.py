"""The life of a verification, step by step, with the real ledger: who is charged, when, how often."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from services.verification.tests.bench import owner
from verification.adapters.providers.fake import Fails
from verification.domain.errors import KeyReused, StateConflict, TooManyActive
from verification.domain.machine import State
from verification.domain.orders import CancelTooEarly
from verification.handlers.cancelling import cancel

if TYPE_CHECKING:
    from uuid import UUID

    from services.verification.tests.bench import Bench


async def cancelled_by_owner(bench: Bench, id_: UUID) -> str:
    row = await cancel(bench.trade, id_, owner(await bench.user_of(id_)))
    return str(row["state"])


async def test_a_code_arrives_and_the_user_is_charged_once(bench: Bench) -> None:
    id_ = await bench.requested()
    user = await bench.user_of(id_)
    assert await bench.books.account(user) == (500, 100)

    assert await bench.run(id_) == State.AWAITING_SMS
    assert await bench.books.account(user) == (400, 0)
    bench.provider.sms(await bench.order_id(id_), "48151")
    assert await bench.run(id_) == State.COMPLETED
    await bench.run(id_)

    row = await bench.books.row(id_)
    assert (row["sms_code"], row["due_at"]) == ("48151", None)
    assert await bench.books.published(user) == ["initiated", "number_assigned", "code_received"]
    (deduction,) = await bench.books.deductions(id_)
    assert (deduction["id"], deduction["amount_minor"]) == (row["transfer_id"], 100)
    assert (deduction["service"], deduction["link"]) == ("WhatsApp", f"/verifications/{id_}")
    assert bench.provider.finished[row["order_id"]] == 1


async def test_without_enough_credits_it_is_rejected_and_stays_rejected(bench: Bench) -> None:
    user, id_ = await bench.books.user_with("0.99"), uuid4()

    first, again = await bench.request(user, id_), await bench.request(user, id_)

    assert (first["state"], first["rejection"]["code"]) == ("rejected", "insufficient_credits")
    assert again["rejection"] == first["rejection"]
    assert await bench.books.account(user) == (99, 0)
    assert await bench.books.published(user) == []


async def test_without_an_account_it_is_rejected(bench: Bench) -> None:
    row = await bench.request(f"user-{uuid4()}")

    assert (row["state"], row["rejection"]["status"]) == ("rejected", 404)


async def test_the_same_request_again_is_the_same_verification(bench: Bench) -> None:
    user, id_ = await bench.books.user_with("5.00"), uuid4()

    await bench.request(user, id_)
    again = await bench.request(user, id_)

    assert again["state"] == State.REQUESTED
    assert await bench.books.account(user) == (500, 100)
    assert await bench.books.published(user) == ["initiated"]
    with pytest.raises(KeyReused):
        await bench.request(user, id_, fingerprint="other")


async def test_no_more_than_so_many_are_under_way_at_once(bench: Bench) -> None:
    user = await bench.books.user_with("5.00")
    await bench.request(user, max_active=1)

    with pytest.raises(TooManyActive):
        await bench.request(user, max_active=1)


async def test_a_declined_purchase_charges_nothing(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.DECLINES]
    id_ = await bench.requested()

    assert await bench.run(id_) == State.FAILED

    user = await bench.user_of(id_)
    assert await bench.books.hold(id_) == "voided"
    assert await bench.books.account(user) == (500, 0)
    assert await bench.books.published(user) == ["initiated", "failed"]


async def test_a_purchase_that_timed_out_after_having_acted_is_found_and_bought_once(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.AFTER]
    id_ = await bench.requested()

    assert await bench.run(id_) == State.UNKNOWN
    assert await bench.books.hold(id_) == "placed"
    assert await bench.run(id_) == State.AWAITING_SMS

    reference = (await bench.books.row(id_))["reference"]
    assert bench.provider.bought[reference] == 1
    assert await bench.books.hold(id_) == "posted"


async def test_a_purchase_that_was_never_made_is_provably_absent_and_not_tried_again(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.BEFORE]
    bench.provider.failing["find"] = [Fails.BEFORE]
    id_ = await bench.requested()

    assert [await bench.run(id_) for _ in range(3)] == [State.UNKNOWN, State.UNKNOWN, State.FAILED]

    assert bench.provider.calls["buy"] == 1
    assert await bench.books.hold(id_) == "voided"


async def test_absence_proves_nothing_before_the_provider_has_settled(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.BEFORE]
    bench.provider.settles_seconds = 60
    id_ = await bench.requested()
    await bench.run(id_)

    assert await bench.run(id_) == State.UNKNOWN
    await bench.books.put(id_, "buying_at = buying_at - interval '61 s'")
    assert await bench.run(id_) == State.FAILED


async def test_what_stays_unknown_after_the_last_step_is_a_persons(bench: Bench) -> None:
    steps = len(bench.trade.pace.steps)
    bench.provider.failing = {"buy": [Fails.AFTER], "find": [Fails.BEFORE] * steps}
    id_ = await bench.requested()
    await bench.run(id_)

    states = [await bench.run(id_) for _ in range(steps)]

    assert states == [State.UNKNOWN] * (steps - 1) + [State.REQUIRES_REVIEW]


async def test_no_code_in_time_ends_in_a_refund(bench: Bench) -> None:
    id_ = await bench.awaiting()
    await bench.books.put(id_, "deadline = now()")

    assert await bench.run(id_) == State.TIMED_OUT

    assert (await bench.books.published(await bench.user_of(id_)))[-1] == "timed_out"


async def test_a_number_that_is_over_at_the_provider_ends_in_a_refund_at_once(bench: Bench) -> None:
    id_ = await bench.awaiting()
    bench.provider.over(await bench.order_id(id_))

    assert await bench.run(id_) == State.TIMED_OUT


async def test_an_sms_just_before_the_cancellation_wins(bench: Bench) -> None:
    id_ = await bench.awaiting()
    bench.provider.sms(await bench.order_id(id_), "4242")
    assert await cancelled_by_owner(bench, id_) == State.CANCELLING

    assert await bench.run(id_) == State.COMPLETED

    assert (await bench.books.row(id_))["sms_code"] == "4242"


async def test_a_cancellation_that_times_out_changes_nothing_and_is_asked_again(bench: Bench) -> None:
    id_ = await bench.awaiting()
    await cancelled_by_owner(bench, id_)
    bench.provider.failing["cancel"] = [Fails.AFTER, Fails.BEFORE]

    states = [await bench.run(id_) for _ in range(3)]

    assert states == [State.CANCELLING, State.CANCELLING, State.CANCELLED]
    assert (await bench.books.published(await bench.user_of(id_)))[-1] == "cancelled"


async def test_a_number_is_not_given_back_before_its_minimum_age(bench: Bench) -> None:
    bench.provider.minimum_cancel_age_seconds = 120
    id_ = await bench.awaiting()

    with pytest.raises(CancelTooEarly):
        await cancelled_by_owner(bench, id_)

    assert await bench.books.state(id_) == State.AWAITING_SMS


async def test_the_providers_own_too_early_is_waited_for(bench: Bench) -> None:
    id_ = await bench.awaiting()
    await cancelled_by_owner(bench, id_)
    bench.provider.failing["cancel"] = [Fails.TOO_EARLY]

    assert [await bench.run(id_), await bench.run(id_)] == [State.CANCELLING, State.CANCELLED]


async def test_cancelled_before_anything_was_bought_nothing_is_bought(bench: Bench) -> None:
    id_ = await bench.requested()
    assert await cancelled_by_owner(bench, id_) == State.REQUESTED

    assert await bench.run(id_) == State.FAILED

    assert bench.provider.calls["buy"] == 0
    assert await bench.books.hold(id_) == "voided"


async def test_cancelled_while_unknown_it_is_given_back_once_it_is_found(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.AFTER]
    id_ = await bench.requested()
    await bench.run(id_)
    assert await cancelled_by_owner(bench, id_) == State.UNKNOWN

    assert [await bench.run(id_), await bench.run(id_)] == [State.AWAITING_SMS, State.CANCELLED]


async def test_what_is_over_cannot_be_cancelled(bench: Bench) -> None:
    id_ = await bench.awaiting()
    bench.provider.sms(await bench.order_id(id_), "1")
    await bench.run(id_)

    with pytest.raises(StateConflict):
        await cancelled_by_owner(bench, id_)


async def test_an_order_the_provider_has_forgotten_ends_in_a_refund(bench: Bench) -> None:
    id_ = await bench.awaiting()
    bench.provider.orders.clear()
    assert await bench.run(id_) == State.AWAITING_SMS
    await bench.books.put(id_, "deadline = now()")

    assert await bench.run(id_) == State.TIMED_OUT


async def test_an_intent_left_behind_is_given_up_and_nothing_stays_held(bench: Bench) -> None:
    id_, user = uuid4(), await bench.books.user_with("5.00")
    row = await bench.request(user, id_)
    # As if the process had died after the hold was placed, before that was written down.
    await bench.books.ours.execute("DELETE FROM outbox WHERE user_id = $1", user)
    await bench.books.put(id_, "state = 'holding', hold_id = NULL")

    assert await bench.run(id_) == State.REJECTED

    again = await bench.request(user, id_)
    assert (again["rejection"]["code"], row["id"]) == ("abandoned", again["id"])
    assert await bench.books.account(user) == (500, 0)
    assert await bench.books.published(user) == []


async def test_a_repetition_goes_on_from_an_intent_left_behind(bench: Bench) -> None:
    id_, user = uuid4(), await bench.books.user_with("5.00")
    await bench.request(user, id_)
    await bench.books.put(id_, "state = 'holding', hold_id = NULL")

    row = await bench.request(user, id_)

    assert row["state"] == State.REQUESTED
    assert await bench.books.account(user) == (500, 100)
