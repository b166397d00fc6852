"""What happens at the same moment: never too much, never twice, and one of two contradictions wins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from services.refund.tests.bench import OPERATOR, Bench, all_of
from shared.testing.waiting import until

if TYPE_CHECKING:
    from asyncpg import Connection, Record


async def test_fifty_refunds_at_once_give_back_what_was_paid_and_not_a_cent_more(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)

    answers = await all_of(*(bench.ask(user, payment_id=payment, amount="0.30") for _ in range(50)))

    accepted = [answer for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 422]
    assert (len(accepted), len(refused)) == (33, 17)
    assert {(body["code"], body["remaining"]) for body in refused} == {("refund_exceeds_payment", "0.10")}
    assert await bench.reserved(payment) == 9_90
    assert await bench.balance(user) == (10_00, 9_90)
    assert len({answer.json()["reference"] for answer in answers}) == 50


async def test_fifty_refunds_of_all_that_remains_are_one(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)

    answers = await all_of(*(bench.ask(user, payment_id=payment) for _ in range(50)))

    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 49
    assert await bench.reserved(payment) == 10_00


async def test_the_same_request_ten_times_at_once_is_one_refund(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user, 10_00)
    key = str(uuid4())

    answers = await all_of(*(bench.ask(user, payment_id=payment, amount="4.00", key=key) for _ in range(10)))
    settled = await bench.ask(user, payment_id=payment, amount="4.00", key=key)

    # Credit answers the one that comes while it is placing the hold: not now.
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert settled.status_code == 201
    ids = {answer.json()["refund_id"] for answer in [*answers, settled] if answer.status_code == 201}
    assert len(ids) == 1
    assert await bench.balance(user) == (10_00, 4_00)
    assert await bench.published(user) == ["refund.initiated"]


async def test_one_key_for_two_payments_at_once_makes_one_refund(bench: Bench) -> None:
    user = await bench.user_with("20.00")
    payments = [await bench.paid(user, 10_00) for _ in range(2)]
    key = str(uuid4())

    answers = await all_of(*(bench.ask(user, payment_id=payment, key=key) for payment in payments))

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert sorted([await bench.reserved(payment) for payment in payments]) == [0, 10_00]


async def test_one_key_for_a_refunded_verification_and_a_payment_at_once_is_one_request(bench: Bench) -> None:
    for _ in range(8):
        user = await bench.user_with("10.00")
        verification, payment = await bench.verified(user), await bench.paid(user, 10_00)
        active = (await bench.ask(user, verification_id=verification)).json()["refund_id"]
        key = str(uuid4())

        bodies: list[dict[str, Any]] = [{"verification_id": verification}, {"payment_id": payment}]
        met, made = await all_of(*(bench.ask(user, key=key, **body) for body in bodies))
        again = [await bench.ask(user, key=key, **body) for body in bodies]

        assert (met.status_code, made.status_code) in {(200, 422), (422, 201)}
        assert [answer.status_code for answer in again] in ([200, 422], [422, 201])
        assert (met.status_code == 200) == (again[0].status_code == 200)
        if met.status_code == 200:
            assert met.json()["refund_id"] == active
        assert await bench.reserved(payment) == (0 if met.status_code == 200 else 10_00)


async def test_asked_for_while_the_verification_ends_it_is_the_automatic_refund_or_too_early(
    bench: Bench,
) -> None:
    for _ in range(8):
        user = await bench.user_with()
        verification = await bench.bought(user)

        *asked, _ = await all_of(
            *(bench.ask(user, verification_id=verification) for _ in range(5)),
            bench.timed_out(user, verification),
        )
        await bench.carry(user)

        assert {answer.status_code for answer in asked} <= {200, 409}
        assert (await bench.ask(user, verification_id=verification)).json()["auto"]
        assert await bench.published(user) == ["refund.initiated", "refund.processing", "refund.completed"]
        assert await bench.balance(user) == (1_00, 0)


@pytest.mark.parametrize("kind", ["credit", "money"])
async def test_cancelled_and_processed_at_once_it_is_one_or_the_other(bench: Bench, kind: str) -> None:
    for _ in range(6):
        user = await bench.user_with("10.00")
        payment = await bench.paid(user)
        asked = await bench.ask("op", roles=OPERATOR, payment_id=payment, kind=kind)
        refund = asked.json()["refund_id"]

        cancelled, processed, _ = await all_of(
            bench.cancel(refund, user), bench.process(refund), bench.do(refund)
        )

        state = await bench.state(refund)
        assert state in ("cancelled", "processing")
        assert (cancelled.status_code, processed.status_code) == (
            (200, 409) if state == "cancelled" else (409, 200)
        )
        said = "refund.cancelled" if state == "cancelled" else "refund.processing"
        assert await bench.published(user) == ["refund.initiated", said]
        assert await bench.reserved(payment) == (0 if state == "cancelled" else 10_00)


@pytest.mark.parametrize("kind", ["credit", "money"])
@pytest.mark.parametrize("first", ["cancel", "process", "errand"])
async def test_whoever_has_the_lock_first_decides(
    bench: Bench, owner: Connection[Record], kind: str, first: str
) -> None:
    """All three wait for one lock, in an order that the test gives them."""
    user = await bench.user_with("10.00")
    payment = await bench.paid(user)
    asked = await bench.ask("op", roles=OPERATOR, payment_id=payment, kind=kind)
    refund = asked.json()["refund_id"]
    doors = {
        "cancel": bench.cancel(refund, user),
        "process": bench.process(refund),
        "errand": bench.do(refund),
    }

    async with owner.transaction():
        await owner.execute("SELECT 1 FROM refundable WHERE id = $1 FOR UPDATE", payment)
        calls = []
        for name in (first, *(name for name in doors if name != first)):
            calls.append(asyncio.create_task(doors[name]))
            await until_waiting(bench, len(calls))
    await all_of(*calls)

    assert await bench.state(refund) == ("cancelled" if first == "cancel" else "processing")


async def until_waiting(bench: Bench, many: int) -> None:
    """For a lock, one behind the other."""
    sql = (
        "SELECT count(*) AS waiting FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )

    async def waiting() -> bool:
        async with bench.outbox.transaction() as tx:
            (row,) = await tx.fetch(sql)
        return bool(row["waiting"] == many)

    await until(waiting)


async def test_cancelling_while_it_is_processing_is_a_conflict(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    payment = await bench.paid(user)
    asked = await bench.ask(user, payment_id=payment)
    await bench.process(asked.json()["refund_id"])

    answers = await all_of(*(bench.cancel(asked.json()["refund_id"], user) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {409}
    assert {(a.json()["code"], a.json()["state"]) for a in answers} == {("state_conflict", "processing")}
    assert await bench.reserved(payment) == 10_00


async def test_manual_and_automatic_refund_at_once_are_one_and_need_no_operator(bench: Bench) -> None:
    for _ in range(8):
        user = await bench.user_with()
        verification = await bench.bought(user)

        *asked, _, _ = await all_of(
            *(bench.ask("op", roles=OPERATOR, verification_id=verification) for _ in range(5)),
            bench.timed_out(user, verification),
            bench.was_cancelled(user, verification),
        )
        await bench.carry(user)

        assert {answer.status_code for answer in asked} <= {200, 201}
        assert len({answer.json()["refund_id"] for answer in asked}) == 1
        assert await bench.published(user) == ["refund.initiated", "refund.processing", "refund.completed"]
        assert await bench.balance(user) == (1_00, 0)
        assert await bench.reserved(verification) == 1_00


async def test_cancelling_a_request_while_the_verification_ends_still_gives_the_money_back(
    bench: Bench,
) -> None:
    for _ in range(8):
        user = await bench.user_with()
        verification = await bench.bought(user)
        asked = (await bench.ask("op", roles=OPERATOR, verification_id=verification)).json()

        cancelled, _ = await all_of(
            bench.cancel(asked["refund_id"], user), bench.timed_out(user, verification)
        )
        await bench.carry(user)

        assert cancelled.status_code in (200, 409)
        assert await bench.balance(user) == (1_00, 0)
        auto = [event["auto"] for event in await bench.events(user) if event["type"] == "refund.completed"]
        assert auto == [cancelled.status_code == 200]


async def test_success_and_failure_of_the_provider_at_once_leave_the_user_with_their_credits(
    bench: Bench,
) -> None:
    for _ in range(6):
        user = await bench.user_with("10.00")
        asked = await bench.ask(user, payment_id=await bench.paid(user))
        refund = asked.json()
        await bench.process(refund["refund_id"])

        await all_of(
            bench.returned(refund),
            bench.do(refund["refund_id"]),
            bench.refused(refund),
            bench.do(refund["refund_id"]),
        )
        await bench.do(refund["refund_id"])
        await bench.carry(user)

        assert await bench.state(refund["refund_id"]) == "failed"
        assert await bench.balance(user) == (10_00, 0)
        assert await bench.reserved(UUID(refund["payment_id"])) == 0


async def test_a_repetition_while_the_intent_is_being_abandoned_leaves_no_hold_behind(bench: Bench) -> None:
    for _ in range(6):
        user = await bench.user_with("10.00")
        payment = await bench.paid(user)
        key = str(uuid4())
        bench.line.cut = "before"
        await bench.ask(user, payment_id=payment, key=key)
        bench.line.cut = None
        (left,) = (await bench.call("GET", f"?user_id={user}", "op", roles=OPERATOR)).json()["items"]
        refund = left["refund_id"]

        again, _ = await all_of(bench.ask(user, payment_id=payment, key=key), bench.do(refund))
        state = await bench.state(refund)
        if state == "rejected":
            await bench.do(refund)

        # The errand may find it initiated already, and then claims it.
        assert (again.status_code == 201) == (state in ("initiated", "processing"))
        held = 0 if state == "rejected" else 10_00
        assert await bench.balance(user) == (10_00, held)
        assert await bench.reserved(payment) == held
