"""The races of money.md, each by name, with real concurrency on real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from services.verification.tests.bench import owner
from shared.http.credit import CreditAway
from shared.testing.waiting import until
from verification.adapters.providers.fake import Fails
from verification.domain.errors import StateConflict
from verification.domain.machine import State
from verification.domain.orders import Order, OrderState
from verification.handlers import telling, waiting
from verification.handlers.cancelling import cancel

if TYPE_CHECKING:
    from services.verification.tests.bench import Bench


async def give_up(bench: Bench, id_: UUID, user: str) -> str:
    """The state it is in then, or was found in, which did not allow it."""
    try:
        return str((await cancel(bench.trade, id_, owner(user)))["state"])
    except StateConflict as conflict:
        return conflict.state


async def test_code_after_timeout_is_withheld_and_told_once(bench: Bench) -> None:
    id_ = await bench.awaiting()
    order_id, user = await bench.order_id(id_), await bench.user_of(id_)
    await bench.books.put(id_, "deadline = now()")
    assert await bench.run(id_) == State.TIMED_OUT

    bench.provider.sms(order_id, "999999")
    await bench.hinted(id_, order_id)
    await bench.hinted(id_, order_id)

    row = await bench.books.row(id_)
    assert (row["state"], row["sms_code"]) == (State.TIMED_OUT, None)
    assert await bench.books.published(user) == ["initiated", "number_assigned", "timed_out", "late_sms"]
    texts = await bench.books.ours.fetch("SELECT data::text AS text FROM outbox WHERE user_id = $1", user)
    kept = await bench.books.ours.fetch("SELECT notice::text AS text FROM webhook")
    assert not [row for row in (*texts, *kept) if "999999" in row["text"]]


async def test_cancel_while_the_code_arrives_has_one_winner(bench: Bench) -> None:
    for _ in range(10):
        id_ = await bench.awaiting()
        order_id, user = await bench.order_id(id_), await bench.user_of(id_)
        bench.provider.sms(order_id, "4242")

        gave_up, *_ = await asyncio.gather(
            give_up(bench, id_, user), bench.run(id_), bench.hinted(id_, order_id)
        )
        await bench.run(id_)

        assert gave_up in (State.CANCELLING, State.COMPLETED)
        assert await bench.books.state(id_) == State.COMPLETED
        assert (await bench.books.published(user)).count("code_received") == 1


async def test_the_same_webhook_five_times_at_once_counts_once(bench: Bench) -> None:
    id_ = await bench.awaiting()
    order_id, event_id = await bench.order_id(id_), f"evt-{uuid4()}"
    bench.provider.sms(order_id, "4242")
    body = f"{event_id} {order_id}".encode()

    new = await asyncio.gather(
        *(telling.receive(bench.trade, bench.provider, body, {"signature": "valid"}) for _ in range(5))
    )

    assert sorted(new) == [False, False, False, False, True]
    hint = await bench.books.ours.fetchval("SELECT id FROM webhook WHERE event_id = $1", event_id)
    await asyncio.gather(*(telling.process(bench.trade, hint) for _ in range(5)))
    assert (await bench.books.published(await bench.user_of(id_))).count("code_received") == 1


async def test_five_errands_at_once_buy_and_charge_once(bench: Bench) -> None:
    id_ = await bench.requested()

    await asyncio.gather(*(bench.run(id_) for _ in range(5)))
    for _ in range(3):
        await bench.run(id_)

    row = await bench.books.row(id_)
    assert row["state"] == State.AWAITING_SMS
    assert bench.provider.bought[row["reference"]] == 1
    assert len(await bench.books.deductions(id_)) == 1


async def test_five_equal_requests_at_once_are_one_verification(bench: Bench) -> None:
    user, id_ = await bench.books.user_with("5.00"), uuid4()

    answers = await asyncio.gather(*(bench.request(user, id_) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(a, CreditAway) or a["state"] == State.REQUESTED for a in answers)  # type: ignore[index]  # asyncpg's.
    assert (await bench.request(user, id_))["state"] == State.REQUESTED
    assert await bench.books.published(user) == ["initiated"]
    assert await bench.books.account(user) == (500, 100)


async def test_a_purchase_that_answers_after_its_absence_was_decided_is_given_back(bench: Bench) -> None:
    """The process was stopped between commit and call, for longer than the janitor waits."""
    id_ = await bench.requested()
    going = bench.provider.gates["buy"] = asyncio.Event()
    buying = asyncio.create_task(bench.run(id_))

    async def begun() -> bool:
        return bench.provider.calls["buy"] == 1

    await until(begun)
    assert [await bench.run(id_), await bench.run(id_)] == [State.UNKNOWN, State.FAILED]
    going.set()

    assert await buying == State.FAILED
    row = await bench.books.row(id_)
    assert bench.provider.of(row["reference"]).state == "over"
    assert await bench.books.hold(id_) == "voided"


async def test_a_hold_that_was_voided_under_a_bought_number_charges_nobody(bench: Bench) -> None:
    id_ = await bench.requested()
    await bench.trade.credit.void_hold((await bench.books.row(id_))["hold_id"])

    assert await bench.run(id_) == State.FAILED

    row = await bench.books.row(id_)
    assert bench.provider.of(row["reference"]).state == "over"
    assert await bench.books.account(row["user_id"]) == (500, 0)


async def test_a_hold_that_turns_out_to_be_posted_ends_in_a_refund(bench: Bench) -> None:
    id_ = await bench.requested()
    transfer = await bench.trade.credit.post_hold((await bench.books.row(id_))["hold_id"])
    bench.provider.failing["buy"] = [Fails.DECLINES]

    assert await bench.run(id_) == State.TIMED_OUT

    row = await bench.books.row(id_)
    assert row["transfer_id"] == transfer.id
    assert await bench.books.published(row["user_id"]) == ["initiated", "timed_out"]


async def test_an_order_found_by_one_is_not_found_by_another(bench: Bench) -> None:
    """Where a provider knows no reference of ours, an order is claimed by the first to find it."""
    bench.provider.knows_references = False
    bench.provider.failing["buy"] = [Fails.AFTER, Fails.BEFORE]
    first, second = await bench.requested(), await bench.requested()
    await bench.run(first)
    await bench.run(second)

    states = await asyncio.gather(bench.run(first), bench.run(second))
    again = [await bench.run(id_) for id_ in (first, second)]

    assert State.AWAITING_SMS in states
    assert sorted(again) == [State.AWAITING_SMS, State.FAILED]


async def test_two_purchases_that_timed_out_after_having_acted_each_get_a_number(bench: Bench) -> None:
    """Neither can tell which is whose, and does not have to: both are of the same product."""
    bench.provider.knows_references = False
    bench.provider.failing["buy"] = [Fails.AFTER, Fails.AFTER]
    first, second = await bench.requested(), await bench.requested()
    assert [await bench.run(first), await bench.run(second)] == [State.UNKNOWN, State.UNKNOWN]

    await asyncio.gather(bench.run(first), bench.run(second))

    assert [await bench.books.state(id_) for id_ in (first, second)] == [State.AWAITING_SMS] * 2
    assert await bench.order_id(first) != await bench.order_id(second)


async def test_a_number_that_is_over_is_taken_by_nobody(bench: Bench) -> None:
    bench.provider.knows_references = False
    bench.provider.failing["buy"] = [Fails.AFTER, Fails.AFTER]
    first, second = await bench.requested(), await bench.requested()
    await bench.run(first)
    await bench.run(second)
    over = bench.provider.of((await bench.books.row(first))["reference"])
    bench.provider.over(over.id)

    states = [await bench.run(first), await bench.run(second)]

    assert states == [State.AWAITING_SMS, State.FAILED]
    assert await bench.order_id(first) != over.id
    assert await bench.books.hold(second) == "voided"


async def test_a_webhook_that_overtakes_the_purchases_own_answer_waits_for_it(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.AFTER]
    id_ = await bench.requested()
    await bench.run(id_)
    await bench.books.put(id_, "due_at = now() + interval '1 hour'")
    order = bench.provider.of((await bench.books.row(id_))["reference"])
    bench.provider.sms(order.id, "4242")

    await bench.hinted(id_, order.id)

    due = await bench.books.ours.fetchval("SELECT due_at <= now() FROM verification WHERE id = $1", id_)
    assert due
    assert [await bench.run(id_), await bench.run(id_)] == [State.AWAITING_SMS, State.COMPLETED]


async def test_a_webhook_about_an_order_of_somebody_else_changes_nothing(bench: Bench) -> None:
    assert await bench.hinted(uuid4(), "unheard-of") == "unknown_order"


async def test_an_answer_about_another_order_is_not_taken_for_ours(bench: Bench) -> None:
    id_ = await bench.awaiting()

    await waiting.observe(bench.trade, id_, Order("another", "+1", OrderState.OVER))

    assert await bench.books.state(id_) == State.AWAITING_SMS
