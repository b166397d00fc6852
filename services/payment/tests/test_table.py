"""Every pair of state and event, listed and unlisted, on the real database: what changes, and what not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from payment.adapters import payments, refunds
from payment.domain.machine import ENDED, Happened, Publishes, RefundHappened, RefundState, State
from payment.domain.payment import Balance
from payment.domain.provider import CheckoutStatus, RefundVerdict, Verdict
from payment.handlers import paying
from payment.handlers.progress import advance, advance_refund
from services.payment.tests.desk import POLICY
from shared.money import Money

if TYPE_CHECKING:
    from uuid import UUID

    from payment.domain.payment import Payment
    from services.payment.tests.desk import Desk

Next = tuple[State, Publishes | None]

# A state, or the review of a payment of which nobody knows whether it was paid.
UNRESOLVED = "unresolved"
SITUATIONS = (*State, UNRESOLVED)
OPEN = (State.INITIATED, State.PENDING, State.UNKNOWN)
NOT_PAID = (*OPEN, State.FAILED, State.EXPIRED, State.CANCELLED, UNRESOLVED)

FAILED = (State.FAILED, Publishes.FAILED)
REVIEW = (State.REQUIRES_REVIEW, Publishes.FLAGGED)
COMPLETED = (State.COMPLETED, Publishes.COMPLETED)
# money.md, word by word; here so that a slip in the service's own table is seen.
EXPECTED: dict[tuple[str, Happened], Next] = {
    (State.INITIATED, Happened.ACCEPTED): (State.PENDING, None),
    (State.INITIATED, Happened.DECLINED): FAILED,
    (State.INITIATED, Happened.REFUSED): FAILED,
    (State.INITIATED, Happened.ABSENT): FAILED,
    (State.INITIATED, Happened.UNANSWERED): (State.UNKNOWN, None),
    (State.UNKNOWN, Happened.ACCEPTED): (State.PENDING, None),
    (State.UNKNOWN, Happened.DECLINED): FAILED,
    (State.UNKNOWN, Happened.REFUSED): FAILED,
    (State.UNKNOWN, Happened.ABSENT): FAILED,
    (State.INITIATED, Happened.LAPSED): FAILED,
    (State.UNKNOWN, Happened.LAPSED): FAILED,
    **{(state, Happened.PAID): (State.SUCCEEDED, Publishes.SUCCEEDED) for state in NOT_PAID},
    **{(state, Happened.MISMATCHED): REVIEW for state in NOT_PAID},
    (State.PENDING, Happened.DECLINED): FAILED,
    (State.PENDING, Happened.LAPSED): (State.EXPIRED, Publishes.FAILED),
    (State.SUCCEEDED, Happened.CREDITED): COMPLETED,
    (State.SUCCEEDED, Happened.CREDIT_REJECTED): REVIEW,
    # Beside its table: a user may give a payment up, a janitor's last look ends in review, and an operator
    # may book what is there.
    **{(state, Happened.GIVEN_UP): (State.CANCELLED, Publishes.FAILED) for state in OPEN},
    (State.UNKNOWN, Happened.UNRESOLVED): REVIEW,
    (State.PENDING, Happened.UNRESOLVED): REVIEW,
    (State.REQUIRES_REVIEW, Happened.CREDITED): COMPLETED,
    (UNRESOLVED, Happened.CREDITED): COMPLETED,
}
# In so many seconds a payment that has come there is looked at. (A pending one: at its deadline.)
DUE = {State.UNKNOWN: 300, State.FAILED: 300, State.EXPIRED: 300, State.CANCELLED: 0, State.SUCCEEDED: 60}


async def payment_in(desk: Desk, situation: str) -> Payment:
    """A payment that is so, however it came there; nothing is waiting to be published."""
    payment = await desk.begin()
    state, reason = (situation, None) if situation != UNRESOLVED else (State.REQUIRES_REVIEW, UNRESOLVED)
    sql = "UPDATE payment SET state = $2, reason = $3 WHERE id = $1"
    await desk.owner_execute(sql, payment.id, state, reason)
    await desk.owner_execute("DELETE FROM outbox WHERE user_id = $1", payment.user_id)
    return await desk.now(payment)


async def check(desk: Desk, payment: Payment, before: dict[str, Any], expected: Next | None) -> None:
    after = dict(await desk.row("payment", payment.id))
    told = await desk.published(payment.user_id)
    if expected is None:
        assert (after, told) == (before, [])
        return
    to, publishes = expected
    assert after["state"] == to
    assert told == ([str(publishes)] if publishes else [])
    if to is State.PENDING:
        assert after["due_at"] == after["deadline"]
    else:
        due = after["due_at"] and (after["due_at"] - after["updated_at"]).total_seconds()
        assert due == DUE.get(to)


@pytest.mark.parametrize("happened", Happened)
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_payment_that_is_told_something(desk: Desk, situation: str, happened: Happened) -> None:
    payment = await payment_in(desk, situation)
    before = dict(await desk.row("payment", payment.id))
    expected = EXPECTED.get((situation, happened))

    async with desk.outbox.transaction() as tx:
        locked = await payments.lock(tx, payment.id)
        assert locked is not None
        moved = await advance(tx, locked, Verdict(happened, "why"), POLICY, balance=Balance(1, 0, 1))

    assert moved == (expected and expected[0])
    assert (await desk.now(payment)).reason == ("why" if moved else payment.reason)
    await check(desk, payment, before, expected)


# What a look at the provider shows, and what that is to the table.
SHOWN = {
    "open": Happened.ACCEPTED,
    "processing": Happened.ACCEPTED,
    "declined": Happened.DECLINED,
    "expired": Happened.LAPSED,
    "paid": Happened.PAID,
    "paid another sum": Happened.MISMATCHED,
}


def show(desk: Desk, payment: Payment, shown: str) -> None:
    if shown == "paid":
        desk.provider.pay(payment.reference)
    elif shown == "paid another sum":
        desk.provider.pay(payment.reference, paid=Money(payment.money.minor - 1, payment.money.currency))
    else:
        desk.provider.become(payment.reference, CheckoutStatus(shown))


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_payment_of_which_the_provider_says_something(desk: Desk, situation: str, shown: str) -> None:
    """By a webhook, and as an answer that is recorded: the table decides in each case."""
    expected = EXPECTED.get((situation, SHOWN[shown]))
    for door in ("webhook", "answer"):
        payment = await payment_in(desk, situation)
        before = dict(await desk.row("payment", payment.id))
        show(desk, payment, shown)

        if door == "webhook":
            await desk.hear_of(payment)
        else:
            checkout = desk.provider.checkouts[payment.reference]
            async with desk.outbox.transaction() as tx:
                await paying.record(tx, payment.id, checkout, POLICY)

        if situation in ENDED and SHOWN[shown] is Happened.ACCEPTED:
            before["due_at"] = (await desk.row("payment", payment.id))["due_at"]
            assert await desk.due_in("payment", payment.id) == 0, "it is closed at once"
        await check(desk, payment, before, expected)


REFUNDED = (RefundState.REFUNDED, Publishes.REFUNDED)
REFUSED = (RefundState.FAILED, Publishes.REFUND_FAILED)
REFUND_REVIEW = (RefundState.REQUIRES_REVIEW, None)
UNDER_WAY = (RefundState.REQUESTED, RefundState.UNKNOWN, RefundState.PENDING)
EXPECTED_REFUND: dict[tuple[RefundState, RefundHappened], tuple[RefundState, Publishes | None]] = {
    (RefundState.REQUESTED, RefundHappened.ASKED): (RefundState.UNKNOWN, None),
    (RefundState.REQUESTED, RefundHappened.TAKEN_ON): (RefundState.PENDING, None),
    (RefundState.UNKNOWN, RefundHappened.TAKEN_ON): (RefundState.PENDING, None),
    **{(state, RefundHappened.REFUNDED): REFUNDED for state in UNDER_WAY},
    **{(state, RefundHappened.REFUSED): REFUSED for state in UNDER_WAY},
    **{(state, RefundHappened.MISMATCHED): REFUND_REVIEW for state in UNDER_WAY},
    (RefundState.UNKNOWN, RefundHappened.UNRESOLVED): REFUND_REVIEW,
    (RefundState.PENDING, RefundHappened.UNRESOLVED): REFUND_REVIEW,
    (RefundState.REQUIRES_REVIEW, RefundHappened.REFUNDED): REFUNDED,
    (RefundState.REQUIRES_REVIEW, RefundHappened.REFUSED): REFUSED,
    (RefundState.REFUNDED, RefundHappened.REFUSED): REFUSED,
    (RefundState.FAILED, RefundHappened.REFUNDED): REFUND_REVIEW,
    (RefundState.FAILED, RefundHappened.MISMATCHED): REFUND_REVIEW,
}
REFUND_DUE = {RefundState.UNKNOWN: 300, RefundState.PENDING: 300}


async def refund_in(desk: Desk, state: RefundState) -> tuple[UUID, str]:
    refund_id, user = await desk.refund_of(await desk.completed())
    await desk.owner_execute("UPDATE provider_refund SET state = $2 WHERE id = $1", refund_id, state)
    await desk.owner_execute("DELETE FROM outbox WHERE user_id = $1", user)
    return refund_id, user


@pytest.mark.parametrize("happened", RefundHappened)
@pytest.mark.parametrize("state", RefundState)
async def test_a_refund_that_is_told_something(
    desk: Desk, state: RefundState, happened: RefundHappened
) -> None:
    refund_id, user = await refund_in(desk, state)
    before = dict(await desk.row("provider_refund", refund_id))
    async with desk.outbox.transaction() as tx:
        refund = await refunds.lock(tx, refund_id)
        assert refund is not None
        moved = await advance_refund(tx, refund, RefundVerdict(happened, "why"), POLICY)

    after = dict(await desk.row("provider_refund", refund_id))
    to, publishes = EXPECTED_REFUND.get((state, happened), (None, None))
    assert moved == to
    assert await desk.published(user) == ([str(publishes)] if publishes else [])
    if to is None:
        assert after == before
    else:
        reason = "given back though it had failed" if state is RefundState.FAILED else "why"
        assert (after["state"], after["reason"]) == (to, reason)
        due = after["due_at"] and (after["due_at"] - after["updated_at"]).total_seconds()
        assert due == REFUND_DUE.get(to)


@pytest.mark.parametrize("happened", RefundHappened)
async def test_a_refund_given_back_though_it_had_failed_is_a_persons_whatever_it_is_told(
    desk: Desk, happened: RefundHappened
) -> None:
    refund_id, user = await refund_in(desk, RefundState.FAILED)
    for told in (RefundHappened.REFUNDED, happened):
        async with desk.outbox.transaction() as tx:
            refund = await refunds.lock(tx, refund_id)
            assert refund is not None
            await advance_refund(tx, refund, RefundVerdict(told, "why"), POLICY)

    assert (await desk.refund_now(refund_id)).state is RefundState.REQUIRES_REVIEW
    assert await desk.published(user) == []


def test_what_may_still_be_asked_of_a_provider_comes_after_its_call_has_ended() -> None:
    """However short the steps are."""
    short = replace(POLICY, janitor_steps_seconds=(0.1, 0.1), call_seconds=8.0)

    assert short.refund_due_after(RefundState.UNKNOWN) == 24
    assert [short.refund_step(attempts) for attempts in (0, 1, 2)] == [24, 24, None]
