"""What an operator books at credit for a payment that could not end by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from payment.domain.machine import State
from services.payment.tests.desk import credited, rejected

if TYPE_CHECKING:
    from payment.domain.payment import Payment
    from services.payment.tests.desk import Desk


async def not_credited(desk: Desk) -> Payment:
    """Paid, and refused by credit."""
    payment = await desk.paid()
    await desk.hear(rejected(payment), payment.user_id)
    return await desk.now(payment)


def not_completed(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The states of which it is said that credits do not complete them."""
    return [line["state"] for line in lines if line["event"] == "payment.not_completed"]


async def test_booked_by_hand_a_payment_in_review_is_completed(desk: Desk) -> None:
    payment = await not_credited(desk)
    assert payment.state is State.REQUIRES_REVIEW

    await desk.hear(credited(payment, balance=2500), payment.user_id)

    completed = (await desk.events(payment.user_id))[-1]
    assert (await desk.now(payment)).state is State.COMPLETED
    assert completed["type"] == "payment.completed.v1"
    assert (completed["data"]["amount_minor"], completed["data"]["balance_after"]) == (2500, 2500)


@pytest.mark.parametrize("other", [{"amount_minor": 2400}, {"currency": "EUR"}])
async def test_booked_as_another_sum_it_stays_in_review_and_says_so(
    desk: Desk, other: dict[str, Any]
) -> None:
    payment = await not_credited(desk)
    event = credited(payment).model_copy(update=other)

    with capture_logs() as lines:
        await desk.hear(event, payment.user_id)

    assert (await desk.now(payment)).state is State.REQUIRES_REVIEW
    assert "payment.completed" not in await desk.published(payment.user_id)
    assert not_completed(lines) == ["requires_review"]


async def test_credits_for_a_payment_that_nobody_has_paid_do_not_go_unsaid(desk: Desk) -> None:
    payment = await desk.begin(user=f"user-{uuid4()}")

    with capture_logs() as lines:
        await desk.hear(credited(payment), payment.user_id)

    assert (await desk.now(payment)).state is State.PENDING
    assert not_completed(lines) == ["pending"]


async def test_booked_for_somebody_else_it_stays_in_review_and_says_so(desk: Desk) -> None:
    payment = await not_credited(desk)

    with capture_logs() as lines:
        await desk.hear(credited(payment), "user-of-another-name")

    assert (await desk.now(payment)).state is State.REQUIRES_REVIEW
    assert await desk.published("user-of-another-name") == []
    assert not_completed(lines) == ["requires_review"]
