"""Every pair of state and event, listed and unlisted, on the real database: what changes, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from payment.adapters import payments, refunds
from payment.domain.machine import (
    OPEN,
    PAYMENT,
    REFUND,
    UNPAID,
    Happened,
    Publishes,
    RefundHappened,
    RefundState,
    State,
    Transition,
)
from payment.domain.payment import Balance
from payment.domain.provider import RefundVerdict, Verdict
from payment.handlers.progress import advance, advance_refund
from services.payment.tests.desk import POLICY

if TYPE_CHECKING:
    from services.payment.tests.desk import Desk

FAILED = (State.FAILED, Publishes.FAILED)
REVIEW = (State.REQUIRES_REVIEW, Publishes.FLAGGED)
# money.md, word by word; here so that a slip in the service's own table is seen.
EXPECTED: dict[tuple[State, Happened], tuple[State, Publishes | None]] = {
    (State.INITIATED, Happened.ACCEPTED): (State.PENDING, None),
    (State.INITIATED, Happened.DECLINED): FAILED,
    (State.INITIATED, Happened.UNANSWERED): (State.UNKNOWN, None),
    (State.UNKNOWN, Happened.ACCEPTED): (State.PENDING, None),
    (State.UNKNOWN, Happened.DECLINED): FAILED,
    (State.INITIATED, Happened.LAPSED): FAILED,
    (State.UNKNOWN, Happened.LAPSED): FAILED,
    **{(state, Happened.PAID): (State.SUCCEEDED, Publishes.SUCCEEDED) for state in UNPAID},
    **{(state, Happened.MISMATCHED): REVIEW for state in UNPAID},
    (State.PENDING, Happened.DECLINED): FAILED,
    (State.PENDING, Happened.LAPSED): (State.EXPIRED, Publishes.FAILED),
    (State.SUCCEEDED, Happened.CREDITED): (State.COMPLETED, Publishes.COMPLETED),
    (State.SUCCEEDED, Happened.CREDIT_REJECTED): REVIEW,
    # Beside its table: a user may give a payment up, and a janitor's last look ends in review.
    **{(state, Happened.GIVEN_UP): (State.CANCELLED, Publishes.FAILED) for state in OPEN},
    (State.UNKNOWN, Happened.UNRESOLVED): REVIEW,
    (State.PENDING, Happened.UNRESOLVED): REVIEW,
    # And a person who has looked may book it by hand.
    (State.REQUIRES_REVIEW, Happened.CREDITED): (State.COMPLETED, Publishes.COMPLETED),
}


def test_the_table_is_the_one_of_the_design() -> None:
    assert {pair: Transition(*outcome) for pair, outcome in EXPECTED.items()} == PAYMENT
    assert set(UNPAID) == set(State) - {State.SUCCEEDED, State.COMPLETED, State.REQUIRES_REVIEW}


async def payment_in(desk: Desk, state: State) -> UUID:
    """A payment that is in this state, however it came there; nothing is waiting to be published."""
    payment = await desk.begin()
    await desk.owner_execute("UPDATE payment SET state = $2 WHERE id = $1", payment.id, state)
    await desk.owner_execute("DELETE FROM outbox WHERE user_id = $1", payment.user_id)
    return payment.id


@pytest.mark.parametrize("happened", Happened)
@pytest.mark.parametrize("state", State)
async def test_a_payment_that_is_told_something(desk: Desk, state: State, happened: Happened) -> None:
    payment_id = await payment_in(desk, state)
    before = dict(await desk.row("payment", payment_id))
    async with desk.outbox.transaction() as tx:
        payment = await payments.lock(tx, payment_id)
        assert payment is not None
        moved = await advance(tx, payment, Verdict(happened, "why"), POLICY, balance=Balance(1, 0, 1))

    after = dict(await desk.row("payment", payment_id))
    to, publishes = EXPECTED.get((state, happened), (None, None))
    assert moved == to
    assert await desk.published(payment.user_id) == ([str(publishes)] if publishes else [])
    if to is None:
        assert after == before
    else:
        assert (after["state"], after["reason"]) == (to, "why")
        waiting = (State.PENDING, State.UNKNOWN, State.SUCCEEDED, State.CANCELLED)
        assert (after["due_at"] is not None) == (to in waiting)


REFUNDED = (RefundState.REFUNDED, Publishes.REFUNDED)
REFUSED = (RefundState.FAILED, Publishes.REFUND_FAILED)
REFUND_REVIEW = (RefundState.REQUIRES_REVIEW, None)
UNDER_WAY = (RefundState.REQUESTED, RefundState.UNKNOWN, RefundState.PENDING)
EXPECTED_REFUND: dict[tuple[RefundState, RefundHappened], tuple[RefundState, Publishes | None]] = {
    (RefundState.REQUESTED, RefundHappened.TAKEN_ON): (RefundState.PENDING, None),
    (RefundState.UNKNOWN, RefundHappened.TAKEN_ON): (RefundState.PENDING, None),
    (RefundState.REQUESTED, RefundHappened.ASKED): (RefundState.UNKNOWN, None),
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


def test_the_refunds_table_is_the_one_of_the_design() -> None:
    assert {pair: Transition(*outcome) for pair, outcome in EXPECTED_REFUND.items()} == REFUND


@pytest.mark.parametrize("happened", RefundHappened)
@pytest.mark.parametrize("state", RefundState)
async def test_a_refund_that_is_told_something(
    desk: Desk, state: RefundState, happened: RefundHappened
) -> None:
    refund_id, user = await desk.refund_of(await desk.completed())
    await desk.owner_execute("UPDATE provider_refund SET state = $2 WHERE id = $1", refund_id, state)
    await desk.owner_execute("DELETE FROM outbox WHERE user_id = $1", user)
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
        assert (after["state"], after["reason"]) == (to, "why")
