"""What shows that a refund's credits are there is kept, and told again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.refund.tests.bench import OPERATOR, Bench
from shared.events.coverage import Request
from shared.inbox import tell_kept

if TYPE_CHECKING:
    from asyncpg import Record


async def said(bench: Bench, user: str, type_: str) -> list[Record]:
    """The event, byte for byte, with all that is sent beside it."""
    async with bench.outbox.transaction() as tx:
        return await tx.fetch(
            """
            SELECT id, type, user_id, occurred_at, data::text, traceparent, correlation_id, causation_id
            FROM outbox WHERE user_id = $1 AND type = $2
            """,
            user,
            type_,
        )


async def told_again(
    bench: Bench, user: str, transfer: UUID, type_: str
) -> tuple[list[Record], list[Record]]:
    before = await said(bench, user, type_)
    async with bench.outbox.transaction() as tx:
        await tx.execute("DELETE FROM outbox WHERE user_id = $1", user)
    for _ in range(2):  # The second time it is on its way already.
        async with bench.outbox.transaction() as tx:
            await tell_kept(tx, Request(transfers=[transfer, uuid4()]))
    return before, await said(bench, user, type_)


async def test_a_completed_refunds_event_is_told_again_byte_for_byte(bench: Bench) -> None:
    user = await bench.user_with()
    asked = await bench.ask(user, verification_id=await bench.verified(user, 1_50))
    processed = await bench.process(asked.json()["refund_id"])
    await bench.carry(user)
    transfer = UUID(processed.json()["transfer_id"])

    before, after = await told_again(bench, user, transfer, "refund.completed.v1")

    assert len(before) == 1
    assert after == before


async def test_an_automatic_refunds_event_is_told_again_byte_for_byte(bench: Bench) -> None:
    user = await bench.user_with()
    verification = await bench.bought(user)
    await bench.timed_out(user, verification)
    await bench.carry(user)
    transfer = (await bench.events(user))[-1]["transfer_id"]

    before, after = await told_again(bench, user, transfer, "refund.completed.v1")

    assert len(before) == 1
    assert after == before


async def test_the_event_of_credits_that_came_back_from_a_card_is_told_again(bench: Bench) -> None:
    """The provider has failed a refund that had completed."""
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)
    asked = await bench.ask("op", roles=OPERATOR, payment_id=payment)
    refund = (await bench.process(asked.json()["refund_id"])).json()
    await bench.returned(refund)
    await bench.do(refund["refund_id"])
    await bench.refused(refund)
    failed = (await bench.events(user))[-1]

    before, after = await told_again(bench, user, failed["transfer_id"], "refund.failed.v1")

    assert failed["reversed"]
    assert len(before) == 1
    assert after == before
