"""What we could not decide in time: a person's to look at, and ours to end as soon as anybody decides it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from services.verification.tests.bench import owner
from verification.adapters.providers.fake import Fails
from verification.domain.machine import State
from verification.handlers import telling
from verification.handlers.cancelling import cancel

if TYPE_CHECKING:
    from uuid import UUID

    from structlog.typing import EventDict

    from services.verification.tests.bench import Bench


async def in_review(bench: Bench, *, cancelled: bool = False) -> UUID:
    """It was paid for, and the provider did not say in time whether an SMS came."""
    id_ = await bench.awaiting()
    if cancelled:
        await cancel(bench.trade, id_, owner(await bench.user_of(id_)))
    await bench.books.put(id_, "deadline = now()")
    steps = len(bench.trade.pace.steps)
    bench.provider.failing["cancel"] = [Fails.BEFORE] * (steps + 2)
    for _ in range(steps + 2):
        await bench.run(id_)
    bench.provider.failing.clear()
    assert await bench.books.state(id_) == State.REQUIRES_REVIEW
    return id_


def critical(logs: list[EventDict], id_: UUID) -> list[str]:
    """What a person is told of this one."""
    return [log["event"] for log in logs if log["log_level"] == "critical" and log["id"] == str(id_)]


@pytest.mark.parametrize("cancelled", [True, False])
@pytest.mark.parametrize("door", ["webhook", "errand"])
async def test_an_sms_in_review_completes_it(bench: Bench, cancelled: bool, door: str) -> None:
    id_ = await in_review(bench, cancelled=cancelled)
    bench.provider.sms(await bench.order_id(id_), "4242")

    await (bench.hinted(id_) if door == "webhook" else bench.run(id_))

    row = await bench.books.row(id_)
    assert (row["state"], row["sms_code"]) == (State.COMPLETED, "4242")
    assert (await bench.books.published(row["user_id"]))[-1] == "code_received"


@pytest.mark.parametrize(("cancelled", "end"), [(True, "cancelled"), (False, "timed_out")])
@pytest.mark.parametrize("door", ["webhook", "errand"])
async def test_an_end_without_an_sms_in_review_leads_to_the_refund(
    bench: Bench, cancelled: bool, end: str, door: str
) -> None:
    id_ = await in_review(bench, cancelled=cancelled)
    bench.provider.over(await bench.order_id(id_))

    await (bench.hinted(id_) if door == "webhook" else bench.run(id_))

    assert await bench.books.state(id_) == end
    assert (await bench.books.published(await bench.user_of(id_)))[-1] == end


async def test_it_is_looked_at_every_day_and_told_each_time(bench: Bench) -> None:
    id_ = await in_review(bench)
    bench.provider.failing["cancel"] = [Fails.BEFORE]

    with capture_logs() as logs:
        assert await bench.run(id_) == State.REQUIRES_REVIEW

    assert critical(logs, id_) == ["verification.requires_review"]
    due_in = "SELECT extract(epoch FROM due_at - now()) FROM verification WHERE id = $1"
    assert 86000 < await bench.books.ours.fetchval(due_in, id_) <= 86400


async def test_a_webhook_that_changes_nothing_is_not_said_to_have_been_told(bench: Bench) -> None:
    id_ = await in_review(bench)

    assert await bench.hinted(id_) == "nothing_new"
    bench.provider.sms(await bench.order_id(id_), "4242")
    assert [await bench.hinted(id_), await bench.hinted(id_)] == ["told", "nothing_new"]


@pytest.mark.parametrize(
    ("bought", "end", "hold"), [(Fails.AFTER, "awaiting_sms", "posted"), (Fails.BEFORE, "failed", "voided")]
)
async def test_an_order_looked_for_in_vain_is_found_or_provably_absent_a_day_later(
    bench: Bench, bought: Fails, end: str, hold: str
) -> None:
    steps = len(bench.trade.pace.steps)
    bench.provider.failing = {"buy": [bought], "find": [Fails.BEFORE] * steps}
    id_ = await bench.requested()
    for _ in range(steps + 1):
        await bench.run(id_)
    assert await bench.books.state(id_) == State.REQUIRES_REVIEW

    assert await bench.run(id_) == end
    assert await bench.books.hold(id_) == hold


async def test_an_sms_does_not_complete_what_is_not_paid_for(bench: Bench) -> None:
    id_ = await in_review(bench)
    await bench.books.put(id_, "transfer_id = NULL")
    bench.provider.sms(await bench.order_id(id_), "4242")

    assert await bench.hinted(id_) == "hinted"
    assert [await bench.run(id_), await bench.run(id_)] == [State.AWAITING_SMS, State.COMPLETED]


async def test_nothing_is_bought_from_a_provider_that_was_taken_away(bench: Bench) -> None:
    id_ = await bench.requested()
    del bench.trade.providers["fake"]

    states = [await bench.run(id_) for _ in range(len(bench.trade.pace.steps) + 1)]
    assert states[-2:] == [State.REQUESTED, State.REQUIRES_REVIEW]
    assert (await bench.books.row(id_))["buying_at"] is None

    assert await bench.run(id_) == State.FAILED
    assert await bench.books.hold(id_) == "voided"


async def test_what_waits_for_a_provider_that_was_taken_away_can_be_given_up_at_once(bench: Bench) -> None:
    id_ = await bench.requested()
    del bench.trade.providers["fake"]
    for _ in range(5):
        await bench.run(id_)

    await cancel(bench.trade, id_, owner(await bench.user_of(id_)))

    assert (await bench.books.row(id_))["due_at"] <= datetime.now(UTC)
    assert await bench.run(id_) == State.FAILED
    assert await bench.books.hold(id_) == "voided"


async def test_what_was_bought_from_a_provider_that_was_taken_away_waits_for_it(bench: Bench) -> None:
    id_ = await bench.awaiting()
    user = await bench.user_of(id_)
    del bench.trade.providers["fake"]

    assert await bench.run(id_) == State.AWAITING_SMS
    row = await cancel(bench.trade, id_, owner(user))
    assert row["state"] == State.CANCELLING
    states = [await bench.run(id_) for _ in range(len(bench.trade.pace.steps) + 1)]
    assert states[-2:] == [State.CANCELLING, State.REQUIRES_REVIEW]

    bench.trade.providers["fake"] = bench.provider
    assert await bench.run(id_) == State.CANCELLED


async def test_a_webhook_of_a_provider_that_was_taken_away_waits_for_it(bench: Bench) -> None:
    id_ = await bench.awaiting()
    bench.provider.sms(await bench.order_id(id_), "4242")
    hint = await bench.told(id_)
    del bench.trade.providers["fake"]

    await telling.process(bench.trade, hint)
    assert await bench.outcome(hint) is None
    bench.trade.providers["fake"] = bench.provider
    await telling.process(bench.trade, hint)

    assert await bench.outcome(hint) == "told"


@pytest.mark.parametrize("declined", [True, False])
async def test_a_hold_credit_will_not_end_for_another_reason_stays_open_and_is_told(
    bench: Bench, declined: bool
) -> None:
    """Whether it is posted, voided or neither is not known, so nothing is made of it."""
    bench.provider.failing["buy"] = [Fails.DECLINES] if declined else []
    id_ = await bench.requested()
    hold = (await bench.books.row(id_))["hold_id"]
    await bench.books.put(id_, f"hold_id = '{uuid4()}'")

    with capture_logs() as logs:
        states = [await bench.run(id_) for _ in range(len(bench.trade.pace.steps) + 1)]
    assert states[-2:] == [State.REQUESTED, State.REQUIRES_REVIEW]
    assert "credit.refuses" in critical(logs, id_)

    await bench.books.put(id_, f"hold_id = '{hold}'")
    assert await bench.run(id_) == (State.FAILED if declined else State.AWAITING_SMS)


async def test_a_cancellation_that_is_always_too_early_becomes_a_persons(bench: Bench) -> None:
    id_ = await bench.awaiting()
    await cancel(bench.trade, id_, owner(await bench.user_of(id_)))
    steps = len(bench.trade.pace.steps)
    bench.provider.failing["cancel"] = [Fails.TOO_EARLY] * (steps + 1)

    states = [await bench.run(id_) for _ in range(steps + 1)]

    assert states == [State.CANCELLING] * steps + [State.REQUIRES_REVIEW]


async def test_what_is_over_is_not_looked_at_for_ever(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.DECLINES]
    id_ = await bench.requested()
    await bench.run(id_)
    await bench.books.put(id_, "due_at = now()")

    await bench.run(id_)

    assert (await bench.books.row(id_))["due_at"] is None


async def test_an_order_that_turns_up_for_a_failed_verification_is_given_back(bench: Bench) -> None:
    bench.provider.failing["buy"] = [Fails.BEFORE]
    id_ = await bench.requested()
    assert [await bench.run(id_), await bench.run(id_)] == [State.UNKNOWN, State.FAILED]
    late = bench.provider.place((await bench.books.row(id_))["reference"])

    assert await bench.hinted(id_, late.id) == "too_late"

    assert bench.provider.orders[late.id].state == "over"
    assert await bench.books.state(id_) == State.FAILED
