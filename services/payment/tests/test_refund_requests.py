"""Which refunds are taken on: those that their payment bears, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from payment.domain.errors import UnknownPayment
from payment.domain.machine import RefundState
from services.payment.tests.desk import processing

if TYPE_CHECKING:
    from services.payment.tests.desk import Desk


async def test_only_a_completed_payment_is_refunded(desk: Desk) -> None:
    payment = await desk.paid()
    refund_id, user = await desk.refund_of(payment)

    assert (await desk.refund_now(refund_id)).state is RefundState.FAILED
    assert (await desk.published(user))[-1] == "payment.refund_failed"
    assert (await desk.row("provider_refund", refund_id))["due_at"] is None


async def test_more_than_was_paid_is_never_given_back(desk: Desk) -> None:
    payment = await desk.completed(2500)
    first, user = await desk.refund_of(payment, 2000)
    second, _ = await desk.refund_of(payment, 501)
    third, _ = await desk.refund_of(payment, 500)

    states = [(await desk.refund_now(id_)).state for id_ in (first, second, third)]

    assert states == [RefundState.REQUESTED, RefundState.FAILED, RefundState.REQUESTED]
    assert (await desk.published(user))[-1] == "payment.refund_failed"


@pytest.mark.parametrize("wrong", ["user", "currency", "payment"])
async def test_a_refund_that_does_not_fit_its_payment_is_refused(desk: Desk, wrong: str) -> None:
    payment = await desk.completed()
    refund_id = uuid4()
    user = f"user-{uuid4()}" if wrong == "user" else payment.user_id
    fields: dict[str, Any] = {}
    if wrong == "currency":
        fields["currency"] = "EUR"
    if wrong == "payment":
        fields["payment_id"] = uuid4()

    await desk.hear(processing(payment, refund_id, **fields), user)

    assert (await desk.refund_now(refund_id)).state is RefundState.FAILED
    assert (await desk.published(user))[-1] == "payment.refund_failed"


async def test_credits_given_back_are_not_this_services(desk: Desk) -> None:
    payment = await desk.completed()
    before = await desk.published(payment.user_id)

    await desk.hear(processing(payment, uuid4(), kind="credit"), payment.user_id)

    assert await desk.published(payment.user_id) == before


async def test_a_refund_that_names_no_payment_is_parked(desk: Desk) -> None:
    payment = await desk.completed()

    with pytest.raises(UnknownPayment):
        await desk.hear(processing(payment, uuid4(), payment_id=None), payment.user_id)
