"""Money on its way back: asked for once at the provider, and found again after silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from payment.adapters.providers import Providers
from payment.adapters.providers.fake import FakeProvider
from payment.domain.machine import GIVEN_BACK_ALL_THE_SAME, RefundState
from payment.domain.provider import RefundStatus
from payment.handlers.refunding import Refunds
from services.payment.tests.desk import NEVER, POLICY, processing
from shared.db.errands import LEASE_SECONDS
from shared.money import Money

if TYPE_CHECKING:
    from uuid import UUID

    from payment.domain.payment import Payment, ProviderRefund
    from payment.domain.provider import RefundFound
    from services.payment.tests.desk import Desk


async def told(desk: Desk, user: str) -> list[str]:
    """What was published of refunds."""
    return [type_ for type_ in await desk.published(user) if "refund" in type_]


async def looked_at(desk: Desk, refund_id: UUID) -> RefundState:
    await desk.refunds.look(refund_id)
    return (await desk.refund_now(refund_id)).state


async def test_a_refund_is_done_by_the_provider_and_told(desk: Desk) -> None:
    payment = await desk.completed(2500)
    refund_id, user = await desk.refund_of(payment, 1000)

    assert await looked_at(desk, refund_id) is RefundState.REFUNDED

    assert await told(desk, user) == ["payment.refunded"]
    facts = (await desk.events(user))[-1]["data"]
    assert (facts["refund_id"], facts["amount_minor"]) == (str(refund_id), 1000)
    assert facts["payment_id"] == str(payment.id)


async def test_a_refund_that_is_asked_for_again_is_done_once(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    await desk.hear(processing(payment, refund_id), user)

    await desk.refunds.look(refund_id)
    await desk.refunds.look(refund_id)

    assert desk.provider.calls["refund"] == 1
    assert await told(desk, user) == ["payment.refunded"]


@pytest.mark.parametrize("ended", ["refunded", "failed", "refused"])
async def test_asked_again_for_one_that_has_ended_it_says_so_again_by_the_same_event(
    desk: Desk, ended: str
) -> None:
    payment = await desk.paid() if ended == "refused" else await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    if ended != "refused":
        if ended == "failed":
            desk.provider.fail_next("refund", "declined")
        await desk.refunds.look(refund_id)
    (said,) = [row for row in await desk.events(user) if "refund" in row["type"]]
    await desk.owner_execute("DELETE FROM outbox WHERE id = $1", said["id"])  # Published, and lost.

    await desk.hear(processing(payment, refund_id, reminder=True), user)
    await desk.hear(processing(payment, refund_id, reminder=True), user)

    (again,) = [row for row in await desk.events(user) if "refund" in row["type"]]
    assert (again["id"], again["type"], again["data"]) == (said["id"], said["type"], said["data"])


async def test_a_failure_after_a_success_is_what_is_said_again(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    await desk.refunds.look(refund_id)
    desk.provider.end_refund(str(refund_id), RefundStatus.FAILED, "Returned by the bank")
    await desk.hear_of(payment, kind="refund", reference=str(refund_id))
    await desk.owner_execute("DELETE FROM outbox WHERE user_id = $1", user)

    await desk.hear(processing(payment, refund_id, reminder=True), user)

    (again,) = await desk.events(user)
    assert (again["type"], again["data"]["reason"]) == ("payment.refund_failed.v1", "Returned by the bank")


async def test_asked_again_for_one_that_is_under_way_it_says_nothing(desk: Desk) -> None:
    desk.provider.refund_status = RefundStatus.PENDING
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    await desk.refunds.look(refund_id)

    await desk.hear(processing(payment, refund_id, reminder=True), user)

    assert await told(desk, user) == []
    assert (await desk.refund_now(refund_id)).state is RefundState.PENDING


async def test_a_provider_that_timed_out_after_having_refunded_is_not_asked_twice(desk: Desk) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    desk.provider.fail_next("refund", "after")

    assert await looked_at(desk, refund_id) is RefundState.UNKNOWN
    assert await looked_at(desk, refund_id) is RefundState.REFUNDED
    assert desk.provider.calls["refund"] == 1
    assert await told(desk, user) == ["payment.refunded"]


async def test_a_provider_that_never_got_it_is_asked_again_with_the_same_key(desk: Desk) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    desk.provider.fail_next("refund", "before")

    assert await looked_at(desk, refund_id) is RefundState.UNKNOWN
    assert await looked_at(desk, refund_id) is RefundState.REFUNDED
    assert list(desk.provider.refunds) == [str(refund_id)]
    assert await told(desk, user) == ["payment.refunded"]


@pytest.mark.parametrize("asked_before", [False, True])
async def test_errands_that_overlap_ask_once(desk: Desk, asked_before: bool) -> None:
    """An errand that was stopped wakes up when its lease is over, and another one has the refund too."""
    desk.provider.has_keys = False
    refund_id, _ = await desk.refund_of(await desk.completed())
    if asked_before:
        desk.provider.fail_next("refund", "before")
        await desk.refunds.look(refund_id)

    await asyncio.gather(*(desk.refunds.look(refund_id) for _ in range(3)))

    assert desk.provider.given_back == [str(refund_id)]
    assert (await desk.refund_now(refund_id)).state is RefundState.REFUNDED


async def test_webhooks_and_errands_at_once_tell_its_end_once(desk: Desk) -> None:
    desk.provider.refund_status = RefundStatus.PENDING
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    await desk.refunds.look(refund_id)
    desk.provider.end_refund(str(refund_id), RefundStatus.SUCCEEDED)

    await asyncio.gather(
        *(desk.refunds.look(refund_id) for _ in range(3)),
        *(desk.hear_of(payment, kind="refund", reference=str(refund_id)) for _ in range(3)),
    )

    assert await told(desk, user) == ["payment.refunded"]
    row = await desk.row("provider_refund", refund_id)
    assert (row["state"], row["due_at"]) == ("refunded", None)


class Hanging(FakeProvider):
    """It acts, and never answers."""

    async def refund(self, payment: Payment, refund: ProviderRefund) -> RefundFound:
        await super().refund(payment, refund)
        return await asyncio.Future()


async def test_an_errand_ends_before_the_next_can_begin_and_decides_nothing(desk: Desk) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    slow = replace(POLICY, call_seconds=0.01, janitor_steps_seconds=(0.001, 300.0))
    refunds = Refunds(desk.outbox, Providers({"fake": Hanging()}), slow)

    await refunds.look(refund_id)

    assert (await desk.refund_now(refund_id)).state is RefundState.UNKNOWN
    assert slow.refund_due_after(RefundState.UNKNOWN) == slow.errand_seconds
    assert POLICY.errand_seconds < LEASE_SECONDS
    assert await told(desk, user) == []


async def test_a_refusal_of_a_second_request_does_not_undo_what_the_first_one_did(desk: Desk) -> None:
    """The first one acted, its answer was lost, and its refund is not to be seen yet: nothing is left."""
    refund_id, user = await desk.refund_of(await desk.completed())
    desk.provider.fail_next("refund", "after", "declined")
    desk.provider.fail_next("look_up_refund", "blind")

    assert await looked_at(desk, refund_id) is RefundState.UNKNOWN
    assert await looked_at(desk, refund_id) is RefundState.REFUNDED
    assert await told(desk, user) == ["payment.refunded"]


async def test_a_refusal_of_a_second_request_that_nothing_explains_needs_a_person(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    desk.provider.fail_next("refund", "after", "declined")
    desk.provider.fail_next("look_up_refund", "blind", "blind")
    await desk.refunds.look(refund_id)

    assert await looked_at(desk, refund_id) is RefundState.REQUIRES_REVIEW

    reason = (await desk.refund_now(refund_id)).reason
    assert reason == "refused when asked again: declined by the fake"
    assert await told(desk, user) == []
    # Until it is seen after all.
    await desk.hear_of(payment, kind="refund", reference=str(refund_id))
    assert await told(desk, user) == ["payment.refunded"]


async def test_money_that_is_back_though_the_refund_was_told_as_failed_needs_a_person(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    desk.provider.fail_next("refund", "declined")
    await desk.refunds.look(refund_id)
    await desk.provider.refund(payment, await desk.refund_now(refund_id))

    with capture_logs() as lines:
        await desk.hear_of(payment, kind="refund", reference=str(refund_id))

    assert (await desk.refund_now(refund_id)).state is RefundState.REQUIRES_REVIEW
    (alert,) = [line for line in lines if line["log_level"] == "critical"]
    assert (alert["event"], alert["was"]) == ("refund.requires_review", "failed")
    # And goes on to, whatever else is heard of it: the user has the money and the credits.
    await desk.hear_of(payment, kind="refund", reference=str(refund_id))
    await desk.refunds.look(refund_id)
    after = await desk.refund_now(refund_id)
    assert (after.state, after.reason) == (RefundState.REQUIRES_REVIEW, GIVEN_BACK_ALL_THE_SAME)
    assert await told(desk, user) == ["payment.refund_failed"]


async def test_a_refund_whose_provider_was_taken_away_waits_for_it_and_says_so(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    without = Refunds(desk.outbox, Providers(), POLICY)

    with capture_logs() as lines:
        for _ in range(len(POLICY.janitor_steps_seconds) + 1):
            await without.look(refund_id)
            assert await desk.due_in("provider_refund", refund_id) > 30, "not with every lease's end"

    assert (await desk.refund_now(refund_id)).state is RefundState.REQUESTED
    alerts = [line["event"] for line in lines if line["log_level"] == "critical"]
    assert alerts == ["refund.not_asked_for"]
    # Configured again, it is asked.
    assert await looked_at(desk, refund_id) is RefundState.REFUNDED
    assert await told(desk, user) == ["payment.refunded"]


async def test_webhooks_take_none_of_the_janitors_steps(desk: Desk) -> None:
    desk.provider.refund_status = RefundStatus.PENDING
    payment = await desk.completed()
    refund_id, _ = await desk.refund_of(payment)
    await desk.refunds.look(refund_id)
    before = await desk.row("provider_refund", refund_id)

    for _ in POLICY.janitor_steps_seconds:
        await desk.hear_of(payment, kind="refund", reference=str(refund_id))

    assert await desk.row("provider_refund", refund_id) == before


async def test_a_definitive_refusal_fails_it(desk: Desk) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    desk.provider.fail_next("refund", "declined")

    assert await looked_at(desk, refund_id) is RefundState.FAILED

    assert await told(desk, user) == ["payment.refund_failed"]
    assert (await desk.events(user))[-1]["data"]["reason"] == "declined by the fake"


@pytest.mark.parametrize("by_webhook", [True, False])
async def test_a_slow_refund_ends_by_webhook_or_by_a_look(desk: Desk, by_webhook: bool) -> None:
    desk.provider.refund_status = RefundStatus.PENDING
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    assert await looked_at(desk, refund_id) is RefundState.PENDING
    assert await told(desk, user) == []

    desk.provider.end_refund(str(refund_id), RefundStatus.SUCCEEDED)
    if by_webhook:
        await desk.hear_of(payment, kind="refund", reference=str(refund_id))
    else:
        await desk.refunds.look(refund_id)

    assert (await desk.refund_now(refund_id)).state is RefundState.REFUNDED
    assert await told(desk, user) == ["payment.refunded"]


async def test_a_webhook_that_names_the_payment_only_finds_its_refunds(desk: Desk) -> None:
    desk.provider.refund_status = RefundStatus.PENDING
    payment = await desk.completed()
    refund_id, _ = await desk.refund_of(payment)
    await desk.refunds.look(refund_id)
    desk.provider.end_refund(str(refund_id), RefundStatus.SUCCEEDED)

    await desk.hear_of(payment, kind="refund", reference=payment.reference)

    assert (await desk.refund_now(refund_id)).state is RefundState.REFUNDED


async def test_a_webhook_alone_never_asks_for_a_refund(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, _ = await desk.refund_of(payment)

    await desk.hear_of(payment, kind="refund", reference=str(refund_id))

    assert desk.provider.calls["refund"] == 0
    assert (await desk.refund_now(refund_id)).state is RefundState.REQUESTED


async def test_a_refund_that_fails_after_it_had_succeeded_is_told_as_failed(desk: Desk) -> None:
    payment = await desk.completed()
    refund_id, user = await desk.refund_of(payment)
    await desk.refunds.look(refund_id)

    desk.provider.end_refund(str(refund_id), RefundStatus.FAILED, "Returned by the bank")
    await desk.hear_of(payment, kind="refund", reference=str(refund_id))

    assert (await desk.refund_now(refund_id)).state is RefundState.FAILED
    assert await told(desk, user) == ["payment.refunded", "payment.refund_failed"]
    failed = next(row for row in await desk.events(user) if "refund_failed" in row["type"])
    assert failed["data"]["reason"] == "Returned by the bank"


async def test_a_refund_of_another_sum_than_was_asked_for_needs_a_person(desk: Desk) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    desk.provider.fail_next("refund", "after")
    await desk.refunds.look(refund_id)
    known = desk.provider.refunds[str(refund_id)]
    desk.provider.refunds[str(refund_id)] = replace(known, money=Money(999, "USD"))

    assert await looked_at(desk, refund_id) is RefundState.REQUIRES_REVIEW
    assert await told(desk, user) == []


async def test_a_silent_provider_is_asked_at_each_step_and_then_a_person_has_to_look(desk: Desk) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    desk.provider.fail_next("refund", "after")
    desk.provider.fail_next("look_up_refund", "before", "before")
    due = []

    states = []
    for _ in range(3):
        states.append(await looked_at(desk, refund_id))
        due.append(await desk.due_in("provider_refund", refund_id))

    assert states == [RefundState.UNKNOWN, RefundState.UNKNOWN, RefundState.REQUIRES_REVIEW]
    assert due == [300, 3600, NEVER]
    assert await told(desk, user) == []
    # The provider's word still ends it.
    assert await looked_at(desk, refund_id) is RefundState.REFUNDED
    assert await told(desk, user) == ["payment.refunded"]
