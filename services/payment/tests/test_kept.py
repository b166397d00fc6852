"""What shows that a payment's credits are there is kept, and told again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from services.payment.tests.desk import rejected
from shared.events.coverage import Request
from shared.inbox import tell_kept

if TYPE_CHECKING:
    from asyncpg import Record

    from services.payment.tests.desk import Desk


async def said(desk: Desk, user: str) -> list[Record]:
    """The event that it is completed, byte for byte, with all that is sent beside it."""
    async with desk.db.autocommit() as tx:
        return await tx.fetch(
            """
            SELECT id, type, user_id, occurred_at, data::text, traceparent, correlation_id, causation_id
            FROM outbox WHERE user_id = $1 AND type = 'payment.completed.v1'
            """,
            user,
        )


async def test_a_completed_payments_event_is_told_again_byte_for_byte(desk: Desk) -> None:
    payment = await desk.completed()
    before = await said(desk, payment.user_id)
    async with desk.db.autocommit() as tx:
        await tx.execute("DELETE FROM outbox WHERE user_id = $1", payment.user_id)

    for _ in range(2):  # The second time it is on its way already.
        async with desk.outbox.transaction() as tx:
            await tell_kept(tx, Request(transfers=[payment.transfer_id, uuid4()]))

    assert len(before) == 1
    assert await said(desk, payment.user_id) == before


async def test_of_a_payment_that_was_not_credited_nothing_is_told(desk: Desk) -> None:
    payment = await desk.paid()
    await desk.hear(rejected(payment), payment.user_id)

    async with desk.outbox.transaction() as tx:
        await tell_kept(tx, Request(transfers=[payment.transfer_id]))

    assert await said(desk, payment.user_id) == []


@pytest.mark.parametrize("change", ["DELETE FROM kept_event", "UPDATE kept_event SET data = '{}'"])
async def test_the_service_cannot_change_what_is_kept(desk: Desk, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with desk.db.autocommit() as tx:
            await tx.execute(change)
