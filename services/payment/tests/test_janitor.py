"""What nobody told us: unknown payments, deadlines, closed checkouts, and credits that do not come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from payment.domain.machine import State
from payment.domain.payment import Intent
from payment.domain.provider import CheckoutStatus
from payment.handlers import paying
from services.payment.tests.desk import NEVER, POLICY
from shared.money import Money

if TYPE_CHECKING:
    from payment.domain.payment import Payment
    from services.payment.tests.desk import CreditBooks, Desk


async def unknown(desk: Desk, *, acted: bool) -> Payment:
    desk.provider.fail_next("make_checkout", "after" if acted else "before")
    payment = await desk.begin()
    assert payment.state is State.UNKNOWN
    return payment


async def test_a_provider_that_timed_out_after_having_acted_is_found_by_our_reference(desk: Desk) -> None:
    payment = await unknown(desk, acted=True)

    after = await desk.look(payment)

    assert (after.state, after.checkout_url) == (State.PENDING, f"https://pay.test/{payment.reference}")
    assert desk.provider.calls["make_checkout"] == 1, "never made again"


async def test_paid_before_anybody_looked_it_succeeds(desk: Desk) -> None:
    payment = await unknown(desk, acted=True)
    desk.provider.pay(payment.reference)

    assert (await desk.look(payment)).state is State.SUCCEEDED


async def test_declined_before_anybody_looked_it_fails(desk: Desk) -> None:
    payment = await unknown(desk, acted=True)
    desk.provider.decline(payment.reference)

    after = await desk.look(payment)

    assert (after.state, after.reason) == (State.FAILED, "Card declined")


async def test_what_the_provider_provably_never_got_fails_with_a_reason(desk: Desk) -> None:
    after = await desk.look(await unknown(desk, acted=False))

    assert (after.state, after.reason) == (State.FAILED, "the provider could not be reached")
    assert desk.provider.calls["make_checkout"] == 1


@pytest.mark.parametrize("acted", [True, False])
async def test_an_intent_left_behind_by_a_crash_is_looked_up_like_an_unknown_one(
    desk: Desk, acted: bool
) -> None:
    payment = await unknown(desk, acted=acted)
    await desk.owner_execute("UPDATE payment SET state = 'initiated' WHERE id = $1", payment.id)

    after = await desk.look(payment)

    assert after.state is (State.PENDING if acted else State.FAILED)


async def test_a_silent_provider_is_asked_at_each_step_and_then_a_person_has_to_look(desk: Desk) -> None:
    payment = await unknown(desk, acted=True)
    due = [await desk.due_in("payment", payment.id)]
    desk.provider.fail_next("look_up_by_reference", "before", "before")

    after = await desk.look(payment)
    due.append(await desk.due_in("payment", payment.id))
    with capture_logs() as lines:
        last = await desk.look(after)

    assert due == [300, 3600]
    assert (after.state, last.state) == (State.UNKNOWN, State.REQUIRES_REVIEW)
    critical = [line["event"] for line in lines if line["log_level"] == "critical"]
    assert critical == ["payment.unresolved", "payment.requires_review"]
    assert (await desk.row("payment", payment.id))["due_at"] is None


async def test_an_initiated_payment_is_looked_at_once_its_call_must_have_ended(desk: Desk) -> None:
    intent = Intent(uuid4(), "f", f"user-{uuid4()}", Money(2500, "USD"), "fake")
    async with desk.outbox.transaction() as tx:
        payment, _ = await paying.initialize_payment(tx, intent, POLICY)

    assert await desk.due_in("payment", payment.id) == 4 * POLICY.call_seconds


async def test_looks_that_overlap_are_one_step_and_one_alert(desk: Desk) -> None:
    payment = await unknown(desk, acted=True)
    await desk.owner_execute("UPDATE payment SET attempts = 1 WHERE id = $1", payment.id)
    desk.provider.fail_next("look_up_by_reference", "before", "before", "before")

    with capture_logs() as lines:
        await asyncio.gather(*(desk.janitor.look(payment.id) for _ in range(3)))

    assert [line["event"] for line in lines].count("payment.unresolved") == 1
    assert (await desk.now(payment)).state is State.REQUIRES_REVIEW


async def unresolved(desk: Desk) -> Payment:
    payment = await unknown(desk, acted=True)
    desk.provider.fail_next("look_up_by_reference", "before", "before")
    payment = await desk.look(await desk.look(payment))
    assert (payment.state, payment.reason) == (State.REQUIRES_REVIEW, "unresolved")
    return payment


@pytest.mark.parametrize("by", ["webhook", "look"])
async def test_what_nobody_could_resolve_succeeds_once_the_provider_says_so(desk: Desk, by: str) -> None:
    payment = await unresolved(desk)
    desk.provider.pay(payment.reference)

    after = await (desk.hear_of(payment) if by == "webhook" else desk.look(payment))

    assert after.state is State.SUCCEEDED
    assert await desk.published(payment.user_id) == [
        "payment.initiated",
        "payment.flagged",
        "payment.succeeded",
    ]


async def test_another_sum_for_what_nobody_could_resolve_is_flagged_with_its_own_reason(desk: Desk) -> None:
    payment = await unresolved(desk)
    desk.provider.pay(payment.reference, paid=Money(1, "USD"))

    after = await desk.hear_of(payment)
    again = await desk.hear_of(payment)

    assert (after.state, after.reason) == (State.REQUIRES_REVIEW, "paid with another amount")
    assert again == after
    assert (await desk.published(payment.user_id)).count("payment.flagged") == 2


@pytest.mark.parametrize(
    ("ends", "state"), [(CheckoutStatus.PAID, State.SUCCEEDED), (CheckoutStatus.DECLINED, State.FAILED)]
)
async def test_a_slow_method_of_payment_is_waited_for_as_long_as_it_takes(
    desk: Desk, ends: CheckoutStatus, state: State
) -> None:
    payment = await desk.begin()
    desk.provider.become(payment.reference, CheckoutStatus.PROCESSING)

    for _ in range(4):  # More looks than there are steps.
        payment = await desk.overdue(payment)
        assert (payment.state, payment.attempts) == (State.PENDING, 0)
        assert await desk.due_in("payment", payment.id) == 3600
    desk.provider.pay(payment.reference)
    desk.provider.become(payment.reference, ends)

    assert (await desk.look(payment)).state is state


async def ended(desk: Desk, state: str) -> Payment:
    """Over here, and still to be paid at a provider that cannot close it."""
    desk.provider.can_expire = False
    payment = await desk.begin()
    if state == "failed":
        desk.provider.decline(payment.reference)
        payment = await desk.hear_of(payment)
    elif state == "expired":
        payment = await desk.overdue(payment)
    else:
        payment = await desk.checkouts.give_up(payment)
    assert payment.state == state
    return payment


@pytest.mark.parametrize("state", ["failed", "expired", "cancelled"])
async def test_paid_after_it_had_ended_and_told_by_nobody_it_succeeds_at_a_later_look(
    desk: Desk, state: str
) -> None:
    payment = await ended(desk, state)
    due = await desk.due_in("payment", payment.id)
    desk.provider.pay(payment.reference)

    assert due == (0 if state == "cancelled" else 300)
    assert (await desk.look(payment)).state is State.SUCCEEDED


@pytest.mark.parametrize("silent", [False, True])
async def test_one_that_has_ended_is_looked_at_through_the_steps_and_bothers_nobody(
    desk: Desk, silent: bool
) -> None:
    payment = await ended(desk, "expired")
    due = [await desk.due_in("payment", payment.id)]

    with capture_logs() as lines:
        for _ in POLICY.janitor_steps_seconds:
            if silent:
                desk.provider.fail_next("look_up", "before")
            await desk.look(payment)
            due.append(await desk.due_in("payment", payment.id))

    assert due == [300, 3600, NEVER]
    assert (await desk.now(payment)).state is State.EXPIRED
    assert not [line for line in lines if line["log_level"] == "critical"]


async def test_one_whose_processing_goes_on_after_it_had_ended_is_waited_for(desk: Desk) -> None:
    payment = await ended(desk, "expired")
    desk.provider.become(payment.reference, CheckoutStatus.PROCESSING)

    for _ in range(4):
        await desk.look(payment)
        assert await desk.due_in("payment", payment.id) == 3600
    desk.provider.pay(payment.reference)

    assert (await desk.look(payment)).state is State.SUCCEEDED


async def test_one_that_is_closed_at_the_provider_is_looked_at_no_more(desk: Desk) -> None:
    payment = await desk.overdue(await desk.begin())

    await desk.look(payment)

    assert await desk.due_in("payment", payment.id) == NEVER


async def test_past_its_deadline_an_unpaid_payment_expires_here_and_there(desk: Desk) -> None:
    payment = await desk.begin()

    after = await desk.overdue(payment)

    assert (after.state, after.reason) == (State.EXPIRED, "expired")
    assert desk.provider.checkouts[payment.reference].status == "expired"
    failed = (await desk.events(payment.user_id))[-1]
    assert (failed["type"], failed["data"]["reason"]) == ("payment.failed.v1", "expired")


async def test_where_a_checkout_cannot_be_closed_it_expires_here_alone(desk: Desk) -> None:
    desk.provider.can_expire = False
    payment = await desk.begin()

    assert (await desk.overdue(payment)).state is State.EXPIRED

    desk.provider.pay(payment.reference)
    assert (await desk.hear_of(payment)).state is State.SUCCEEDED


async def test_paid_at_the_last_moment_without_a_webhook_it_succeeds_at_its_deadline(desk: Desk) -> None:
    payment = await desk.begin()
    desk.provider.pay(payment.reference)

    assert (await desk.overdue(payment)).state is State.SUCCEEDED


async def test_a_pending_payment_is_left_alone_before_its_deadline(desk: Desk) -> None:
    payment = await desk.begin()
    asked = desk.provider.calls.total()

    after = await desk.look(payment)
    row = await desk.row("payment", payment.id)

    assert (after.state, row["due_at"]) == (State.PENDING, row["deadline"])
    assert desk.provider.calls.total() == asked


async def test_while_the_provider_is_away_a_deadline_fails_nothing(desk: Desk) -> None:
    payment = await desk.begin()
    desk.provider.fail_next("look_up", "before")

    first = await desk.overdue(payment)
    desk.provider.fail_next("expire", "after")
    second = await desk.look(payment)

    assert (first.state, second.state) == (State.PENDING, State.PENDING)
    assert (await desk.look(payment)).state is State.EXPIRED


async def test_a_checkout_paid_before_it_was_given_up_succeeds(desk: Desk) -> None:
    payment = await desk.begin()
    desk.provider.pay(payment.reference)
    cancelled = await desk.checkouts.give_up(payment)

    after = await desk.look(cancelled)

    assert (cancelled.state, after.state) == (State.CANCELLED, State.SUCCEEDED)


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])  # By the user, or by a look in between.
async def test_a_checkout_that_turns_up_after_its_payment_has_ended_is_closed_at_once(
    desk: Desk, state: State
) -> None:
    payment = await unknown(desk, acted=False)
    given_up = state is State.CANCELLED
    over = await desk.look(await desk.checkouts.give_up(payment) if given_up else payment)
    checkout = await desk.provider.make_checkout(payment)

    async with desk.outbox.transaction() as tx:
        await paying.record(tx, payment.id, checkout, POLICY)
    assert await desk.due_in("payment", payment.id) <= 0
    after = await desk.look(over)

    assert (over.state, after.state) == (state, state)
    assert desk.provider.checkouts[payment.reference].status == "expired"
    assert (await desk.row("payment", payment.id))["due_at"] is None


async def test_credit_that_was_booked_but_never_told_completes_the_payment(
    desk: Desk, books: CreditBooks
) -> None:
    payment = await desk.paid(2500)
    await books.open_account(payment.user_id)
    await books.book(payment)

    after = await desk.look(payment)

    assert after.state is State.COMPLETED
    completed = (await desk.events(payment.user_id))[-1]
    assert completed["type"] == "payment.completed.v1"
    facts = completed["data"]
    assert (facts["balance_after"], facts["held_after"], facts["version"]) == (2500, 0, 1)
    assert (facts["transfer_id"], facts["reference"]) == (str(payment.transfer_id), payment.reference)


async def test_credits_booked_for_another_user_complete_nothing_and_a_person_hears_of_it(
    desk: Desk, books: CreditBooks
) -> None:
    payment, other = await desk.paid(2500), f"user-{uuid4()}"
    for user in (payment.user_id, other):
        await books.open_account(user)
    await books.book(replace(payment, user_id=other))

    after = await desk.look(payment)
    assert after.state is State.SUCCEEDED
    answers = await books.answers(await desk.announced(payment))
    await desk.hear(answers[-1].event(), payment.user_id)

    assert (await desk.now(payment)).state is State.REQUIRES_REVIEW
    assert "payment.completed" not in await desk.published(payment.user_id)


async def test_credit_that_says_nothing_is_told_again_by_another_event(desk: Desk) -> None:
    payment = await desk.paid()
    assert 50 < await desk.due_in("payment", payment.id) <= 60

    after = await desk.look(payment)

    assert after.state is State.SUCCEEDED
    first, again = [row for row in await desk.events(payment.user_id) if "succeeded" in row["type"]]
    assert first["id"] != again["id"], "credit's inbox may know the first one"
    assert first["data"] == again["data"]
    assert await desk.due_in("payment", payment.id) > 100


async def test_a_rejection_by_credit_that_was_lost_is_said_again(desk: Desk, books: CreditBooks) -> None:
    payment = await desk.paid()  # By a user without an account.
    (lost,) = await books.answers(await desk.announced(payment))

    await desk.look(payment)
    (again,) = await books.answers(await desk.announced(payment))
    await desk.hear(again.event(), payment.user_id)

    assert lost.id == again.id, "payment's inbox would know it, had it arrived"
    assert (await desk.now(payment)).state is State.REQUIRES_REVIEW


async def test_money_that_was_taken_is_never_given_up(desk: Desk) -> None:
    payment = await desk.paid()

    for _ in range(4):  # More looks than there are steps.
        payment = await desk.look(payment)

    assert payment.state is State.SUCCEEDED
    assert await desk.due_in("payment", payment.id) > 3000


async def test_a_provider_that_is_no_longer_configured_is_away_and_nothing_is_decided(desk: Desk) -> None:
    payment = await unknown(desk, acted=True)
    await desk.owner_execute("UPDATE payment SET provider = 'closed' WHERE id = $1", payment.id)

    after = await desk.look(payment)

    assert (after.state, await desk.due_in("payment", payment.id)) == (State.UNKNOWN, 3600)
