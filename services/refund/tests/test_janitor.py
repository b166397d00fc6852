"""What was lost on the way, there or back, is found again: by its steps, and at last by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from credit.consumers import SUBSCRIPTIONS as CREDIT_SUBSCRIPTIONS
from credit.handlers.holds import expire_holds
from refund.handlers.watch import StuckWatch
from services.refund.tests.bench import OPERATOR, STEPS, Bench, deliver, envelopes

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from services.refund.tests.payments import PaymentDesk

DAY = 86_400.0


async def under_way(bench: Bench, kind: str) -> tuple[str, dict[str, Any]]:
    user = await bench.user_with("10.00")
    if kind == "credit":
        asked = await bench.ask(user, verification_id=await bench.verified(user))
    else:
        asked = await bench.ask(user, payment_id=await bench.paid(user))
    await bench.process(asked.json()["refund_id"])
    return user, asked.json()


async def booked_without_a_word(bench: Bench, user: str) -> None:
    """Credit books what it is asked to, and nobody hears of it."""
    for envelope in await envelopes(bench.outbox, user, "refund"):
        await deliver(bench.credit_outbox, CREDIT_SUBSCRIPTIONS, envelope)


def causes(lines: Any) -> list[str]:
    return [line["cause"] for line in lines if line["log_level"] == "critical"]


@pytest.mark.parametrize("kind", ["credit", "money"])
async def test_it_asks_again_by_its_steps_and_then_daily_with_an_alert(bench: Bench, kind: str) -> None:
    user, refund = await under_way(bench, kind)
    row = await bench.row(refund["refund_id"])
    waits, alerts = [row["due_in"].total_seconds()], []

    for _ in range(len(STEPS) + 1):
        await bench.lose(bench.outbox, row["processing_event_id"])
        with capture_logs() as lines:
            await bench.do(refund["refund_id"])
        alerts.append(causes(lines))
        waits.append((await bench.row(refund["refund_id"]))["due_in"].total_seconds())

    events = [event for event in await bench.events(user) if event["type"] == "refund.processing"]
    # Under its own id for whoever never got it; under a new one for whoever did.
    assert [e["id"] for e in events if not e["reminder"]] == [row["processing_event_id"]]
    assert len({e["id"] for e in events if e["reminder"]}) == len(alerts)
    assert [round(wait, -1) for wait in waits] == [*STEPS, DAY, DAY]
    assert alerts == [[], [], ["stuck"], ["stuck"]]
    assert await bench.state(refund["refund_id"]) == "processing"


async def test_a_rejection_that_was_lost_is_said_again_when_it_is_asked_for_again(bench: Bench) -> None:
    user = f"without-account-{uuid4()}"
    refund = (await bench.ask(user, verification_id=await bench.verified(user))).json()
    await bench.process(refund["refund_id"])
    await booked_without_a_word(bench, user)
    (lost,) = await envelopes(bench.credit_outbox, user, "credit")
    await bench.lose(bench.credit_outbox, lost.id)

    await bench.do(refund["refund_id"])
    await bench.carry(user)

    assert lost.type == "credit.rejected.v1"
    assert await bench.state(refund["refund_id"]) == "failed"
    assert (await bench.published(user))[-1] == "refund.failed"


@pytest.mark.parametrize(
    ("outcome", "ended", "left"), [("refunded", "completed", 0), ("refused", "failed", 10_00)]
)
async def test_an_outcome_at_the_provider_that_was_lost_is_said_again_when_it_is_asked_for_again(
    bench: Bench, payments: PaymentDesk, outcome: Literal["refunded", "refused"], ended: str, left: int
) -> None:
    user = await bench.user_with("10.00")
    refund = (await bench.ask(user, payment_id=await payments.paid(bench, user))).json()["refund_id"]
    await bench.process(refund)
    await payments.hear(bench, user)
    await payments.end(UUID(refund), outcome)
    await payments.lose_answers(user)

    await bench.do(refund)
    await payments.hear(bench, user)
    for _ in range(2):  # Said again twice, it is heard once.
        await payments.answer(bench, user)
    await bench.do(refund)

    assert await bench.state(refund) == ended
    assert await bench.balance(user) == (left, 0)
    assert payments.provider.calls["refund"] == 1


async def test_a_booking_nobody_told_of_completes_the_refund(bench: Bench) -> None:
    user, refund = await under_way(bench, "credit")
    await booked_without_a_word(bench, user)

    await bench.do(refund["refund_id"])
    await bench.carry(user)  # The word arrives after all.

    events = await bench.events(user)
    assert [e["type"] for e in events] == ["refund.initiated", "refund.processing", "refund.completed"]
    assert (events[-1]["balance_after"], events[-1]["version"]) == (11_00, 2)
    assert (await bench.row(refund["refund_id"]))["due_at"] is None


@pytest.mark.parametrize("kind", ["credit", "money"])
async def test_while_credit_is_away_nothing_changes_and_the_lease_brings_it_back(
    bench: Bench, kind: str
) -> None:
    user, refund = await under_way(bench, kind)
    if kind == "money":
        await bench.returned(refund)
    before = await bench.row(refund["refund_id"])
    bench.line.cut = "before"

    await bench.do(refund["refund_id"])

    assert {**await bench.row(refund["refund_id"]), "due_in": 0} == {**before, "due_in": 0}
    assert len(await bench.published(user)) == 2


async def test_a_reversal_that_was_lost_is_asked_for_again_until_it_is_booked(bench: Bench) -> None:
    user, refund = await under_way(bench, "money")
    await bench.returned(refund)
    await bench.do(refund["refund_id"])
    await bench.refused(refund)
    row = await bench.row(refund["refund_id"])
    await bench.lose(bench.outbox, row["failed_event_id"])

    await bench.do(refund["refund_id"])
    said, reminder = (await bench.events(user))[-2:]
    waiting = await bench.row(refund["refund_id"])
    await booked_without_a_word(bench, user)
    await bench.do(refund["refund_id"])

    assert (said["type"], said["id"], said["reversed"]) == ("refund.failed", row["failed_event_id"], True)
    assert {**reminder, "id": said["id"], "reminder": False} == said
    assert round(waiting["due_in"].total_seconds(), -1) == STEPS[1]
    assert (await bench.row(refund["refund_id"]))["due_at"] is None
    assert await bench.balance(user) == (10_00, 0)


async def test_an_errand_that_comes_late_does_nothing_to_what_has_ended(bench: Bench) -> None:
    user, refund = await under_way(bench, "credit")
    await bench.carry(user)
    calls = len(bench.line.calls)

    await bench.do(refund["refund_id"])

    assert len(await bench.published(user)) == 3
    assert len(bench.line.calls) == calls


async def test_an_errand_for_a_cancelled_credit_refund_places_no_hold(bench: Bench) -> None:
    user = await bench.user_with("10.00")
    asked = (await bench.ask(user, verification_id=await bench.verified(user))).json()
    await bench.cancel(asked["refund_id"], user)

    await bench.do(UUID(asked["refund_id"]))

    assert await bench.balance(user) == (10_00, 0)
    assert bench.line.calls == []


async def test_before_its_hold_ends_a_refund_to_the_card_calls_a_person_at_each_look(
    bench: Bench, owner: Connection[Record]
) -> None:
    _, refund = await under_way(bench, "money")
    id_ = UUID(refund["refund_id"])
    calls = []
    for days in (22, 24, 31):
        await owner.execute(
            "UPDATE refund SET created_at = now() - make_interval(days => $2) WHERE id = $1", id_, days
        )
        with capture_logs() as lines:
            await bench.do(id_)
        calls.append(causes(lines))

    assert calls == [[], ["hold_ends"], ["hold_ends"]]


async def test_money_that_is_back_after_its_hold_has_ended_is_never_forgotten(bench: Bench) -> None:
    user, refund = await under_way(bench, "money")
    async with bench.credit_outbox.transaction() as tx:
        await tx.execute("UPDATE hold SET expires_at = now() WHERE user_id = $1", user)
        await expire_holds(tx, 100)
    await bench.spend(user, "10.00")
    await bench.returned(refund)

    alerts = []
    for _ in range(2):
        with capture_logs() as lines:
            await bench.do(refund["refund_id"])
        alerts.append(causes(lines))

    assert alerts == [["credit_refused"], ["credit_refused"]]
    assert (await bench.row(refund["refund_id"]))["due_in"].total_seconds() > DAY - 60
    assert refund["refund_id"] in await stuck(bench, user)


@pytest.mark.parametrize("kind", ["credit", "money"])
async def test_what_the_steps_did_not_end_is_listed_and_counted(bench: Bench, kind: str) -> None:
    user, refund = await under_way(bench, kind)
    listed, counted = [], []
    watch = StuckWatch(bench.db, bench.pace)
    for _ in STEPS:
        await watch.count()
        counted.append(REGISTRY.get_sample_value("refunds_stuck"))
        listed.append(await stuck(bench, user))
        await bench.do(refund["refund_id"])
    await watch.count()

    assert listed == [[], [], []]
    assert await stuck(bench, user) == [refund["refund_id"]]
    assert counted[0] is not None
    assert [(count or 0) - counted[0] for count in counted] == [0, 0, 0]
    assert REGISTRY.get_sample_value("refunds_stuck") == counted[0] + 1


async def stuck(bench: Bench, user: str) -> list[str]:
    answer = await bench.call("GET", f"?stuck=true&user_id={user}", "op", roles=OPERATOR)
    return [item["refund_id"] for item in answer.json()["items"]]
