"""Facts on the real tables: each rule at its threshold, once, whoever does it and in whatever order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from monitor.adapters.tables import metadata
from monitor.consumers import subscriptions
from monitor.domain.observation import Kind, Observation
from monitor.handlers.forgetting import Forgetting
from monitor.handlers.rulebook import Rulebook
from services.monitor.tests.desk import NOWHERE, Desk, observe_alone
from services.monitor.tests.facts import at, fact, one, shipped, spent
from services.monitor.tests.test_rules import MET
from shared.db import Database
from shared.events import Event
from shared.events.credit import CreditDeducted
from shared.events.examples import EXAMPLES
from shared.events.payment import FailureCause, PaymentFailed
from shared.events.refund import RefundInitiated
from shared.inbox import Subscriber
from shared.messaging.topology import SUBSCRIBED
from shared.testing.deliveries import delivery_of, envelope_of
from shared.testing.schema import schema_differences

if TYPE_CHECKING:
    from monitor.main import Settings
    from shared.db.provision import ServiceDatabase


def habit_and(minor: int) -> list[Observation]:
    """Ten hours of 2.00 each, then one of so much."""
    return [*(spent(-60 * n, 2_00) for n in range(10, 0, -1)), spent(5, minor)]


CASES = {name: facts for name, (facts, _) in MET.items()} | {"above-habit": habit_and(10_01)}


def of_user(facts: list[Observation], user: str) -> list[Observation]:
    """The same, about somebody of whom nothing is known."""
    ids: dict[UUID, UUID] = {}
    return [replace(each, user_id=user, subject=ids.setdefault(each.subject, uuid4())) for each in facts]


async def test_the_migrated_database_is_the_one_the_tables_describe(database: ServiceDatabase) -> None:
    assert await schema_differences(database.migration_url, metadata) == []


@pytest.mark.parametrize("name", CASES)
async def test_a_rule_flags_with_the_event_that_meets_it_and_not_with_one_before(
    desk: Desk, user: str, name: str
) -> None:
    rules, facts = [one(name)], of_user(CASES[name], user)

    await desk.observe(rules, facts[:-1])
    assert await desk.flags(user) == []
    await desk.observe(rules, facts[-1:])

    (flag,) = await desk.flags(user)
    assert (flag["rules"], flag["state"], flag["occurred_at"]) == ([name], "open", facts[-1].at)
    (event,) = await desk.published(user)
    assert event["type"] == "activity.flagged.v1"
    assert event["data"] == {
        "flag_id": str(flag["id"]),
        "seen": flag["seen"],
        "rules": [name],
        "score": rules[0].score,
    }


@pytest.mark.parametrize("name", MET)
@pytest.mark.parametrize(("short_of", "flags"), [(timedelta(microseconds=1), 1), (timedelta(0), 0)])
async def test_the_databases_windows_are_as_long_as_the_rules(
    desk: Desk, user: str, name: str, short_of: timedelta, flags: int
) -> None:
    rule, facts = one(name), of_user(CASES[name], user)
    begin = [replace(each, at=facts[0].at) for each in facts[:-1]]

    # Both ways round: an edge is one, whichever of its events is heard last.
    last = replace(facts[-1], at=facts[0].at + rule.within - short_of)
    await desk.observe([rule], [last, *begin])
    await desk.observe([rule], of_user([*begin, last], f"{user}-2"))

    assert [len(await desk.flags(each)) for each in (user, f"{user}-2")] == [flags, flags]


async def test_below_five_times_the_habit_nothing_is_said(desk: Desk, user: str) -> None:
    await desk.observe([one("above-habit")], of_user(habit_and(10_00), user))

    assert await desk.flags(user) == []


@pytest.mark.parametrize("name", CASES)
async def test_each_fact_may_be_observed_by_a_process_that_has_seen_no_other(
    desk: Desk, database: ServiceDatabase, user: str, name: str
) -> None:
    """As after a restart, or by another replica: a window is kept in nobody's memory."""
    rules, facts = [one(name)], of_user(CASES[name], user)

    for observed in facts[:-1]:
        await observe_alone(database.url, rules, observed)
    assert await desk.flags(user) == []
    await observe_alone(database.url, rules, facts[-1])

    assert len(await desk.flags(user)) == len(await desk.published(user)) == 1


@pytest.mark.parametrize("name", CASES)
async def test_two_replicas_that_are_brought_everything_at_the_same_moment_flag_it_once(
    desk: Desk, replica: Desk, user: str, name: str
) -> None:
    rules, facts = [one(name)], of_user(CASES[name], user)

    for n, observed in enumerate(facts):
        if n == len(facts) - 1:
            assert await desk.flags(user) == []
        await asyncio.gather(*(each.observe(rules, [observed]) for each in (desk, replica)))

    assert len(await desk.flags(user)) == len(await desk.published(user)) == 1


async def test_a_burst_that_two_replicas_handle_at_the_same_moment_is_seen_whole(
    desk: Desk, replica: Desk, user: str
) -> None:
    facts = of_user([spent(n / 10, 50) for n in range(5)], user)
    random.shuffle(facts)

    await asyncio.gather(
        *((desk, replica)[n % 2].observe([one("small-debits")], [facts[n]]) for n in range(5))
    )

    (flag,) = await desk.flags(user)
    assert flag["seen"] == "5 debits of $1.00 or less within 30 minutes"


async def test_facts_about_others_and_sums_of_another_currency_do_not_count(desk: Desk, user: str) -> None:
    rules = [one("same-amount"), one("small-debits")]
    await desk.observe(rules, [spent(0, 50, user_id=user), spent(1, 50, user_id=user)])

    await desk.observe(rules, [spent(2, 50, user_id=f"{user}-2"), spent(3, 50, user_id=user, currency="EUR")])
    await desk.observe(rules, [fact(Kind.REFUND_ASKED, 3, user_id=user)])

    assert await desk.flags(user) == []


@pytest.mark.parametrize(
    "heard", [(0, 15, 16), (15, 0, 16), (14, 15, 16)], ids=["late", "after its end", "before an earlier end"]
)
async def test_in_whatever_order_numbers_are_heard_there_are_no_more_than_there_were(
    desk: Desk, user: str, heard: tuple[int, ...]
) -> None:
    numbers = [fact(Kind.NUMBER_ASSIGNED, n) for n in range(15)]
    ended = fact(Kind.CODE_RECEIVED, 13.99, subject=numbers[0].subject)
    later = fact(Kind.CODE_RECEIVED, 16, subject=numbers[1].subject)
    facts = [*numbers, ended, later]
    last = [facts[n] for n in heard]

    await desk.observe(
        [one("active-numbers")], of_user([*(each for each in facts if each not in last), *last], user)
    )

    assert await desk.flags(user) == [], "at no time there were more than 14"


async def test_a_failure_that_is_heard_after_its_payment_was_completed_began_no_row(
    desk: Desk, user: str
) -> None:
    failed = [fact(Kind.PAYMENT_FAILED, n) for n in range(4)]
    completed = fact(Kind.PAYMENT_COMPLETED, 0.5, subject=failed[0].subject)

    await desk.observe([one("failed-payments-an-hour")], of_user([completed, *failed[1:], failed[0]], user))

    assert await desk.flags(user) == []


async def test_the_same_rule_speaks_once_in_its_window_and_again_after_it(desk: Desk, user: str) -> None:
    rule = one("same-amount")  # An hour.
    await desk.observe([rule], [spent(10 * n, 5_00, user_id=user) for n in range(8)])
    (first,) = await desk.flags(user)
    assert first["occurred_at"] == at(20)

    await desk.observe([rule], [spent(minutes, 5_00, user_id=user) for minutes in (79, 80, 81)])

    assert [flag["occurred_at"] for flag in await desk.flags(user)] == [at(20), at(80)]


async def test_the_key_itself_keeps_a_rule_from_speaking_twice(desk: Desk, user: str) -> None:
    await desk.observe([one("refunds-a-day")], [fact(Kind.REFUND_ASKED, n, user_id=user) for n in range(2)])
    async with desk.db.transaction() as tx:
        with pytest.raises(asyncpg.UniqueViolationError):
            await tx.execute("INSERT INTO hit SELECT * FROM hit WHERE user_id = $1", user)


async def test_what_one_event_meets_is_one_flag_with_the_highest_score(desk: Desk, user: str) -> None:
    await desk.observe(shipped(), [spent(n, 50, user_id=user) for n in range(2)])
    facts = [spent(n, 49, user_id=user) for n in (2, 3)]
    await desk.observe(shipped(), [*facts, spent(4, 49, user_id=user)])

    (flag,) = await desk.flags(user)
    assert (flag["rules"], flag["score"], flag["freezes"]) == (["small-debits", "same-amount"], 0.7, True)
    assert flag["seen"] == "5 debits of $1.00 or less within 30 minutes"
    assert len(await desk.published(user)) == 1


async def test_what_is_only_logged_is_told_to_nobody_and_does_not_stand_in_an_alerts_way(
    desk: Desk, user: str
) -> None:
    refunds = [fact(Kind.REFUND_ASKED, n, user_id=user) for n in range(3)]
    await desk.observe([one("refunds-a-day", alert=False)], refunds[:2])
    (logged,) = await desk.flags(user)
    assert (logged["state"], await desk.published(user)) == ("logged", [])

    await desk.observe([one("refunds-a-day")], refunds[2:])

    assert [flag["state"] for flag in await desk.flags(user)] == ["logged", "open"]
    assert len(await desk.published(user)) == 1


async def test_what_no_window_holds_any_more_is_forgotten_and_nothing_else(desk: Desk, user: str) -> None:
    now = datetime.now(UTC)
    days = (40, 33, 31, 0)
    facts = [replace(spent(0, 1_00, user_id=user), at=now - timedelta(days=n)) for n in days]
    await desk.observe([one("above-habit")], facts)

    while await Forgetting(desk.db).forget_batch():
        pass

    async with desk.db.autocommit() as tx:
        kept = await tx.fetch("SELECT subject FROM observation WHERE user_id = $1 ORDER BY at", user)
        hours = await tx.fetch("SELECT debits FROM spent_hour WHERE user_id = $1", user)
    assert [row["subject"] for row in kept] == [each.subject for each in facts[2:]]
    assert len(hours) == 2


# ---------------------------------------------------------------- as events


@pytest.fixture
def hear(desk: Desk, settings: Settings) -> Any:
    """As the queue brings it, inbox and all."""
    book = Rulebook(settings.rules_file, poll_seconds=60)
    book.rules = shipped()
    subscriber = Subscriber(desk.outbox, desk.db.probe, NOWHERE, "monitor", subscriptions(book))

    async def hear(user: str, *events: Event, event_id: UUID | None = None) -> None:
        deliveries = [delivery_of(envelope_of(event, user, event_id=event_id)) for event in events]
        await subscriber._handle("monitor.events", deliveries)

    return hear


def deducted(minor: int = 50) -> CreditDeducted:
    return CreditDeducted(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=minor,
        balance_after=0,
        held_after=0,
        version=1,
        reason="Test",
    )


def test_it_listens_to_what_the_broker_brings_it(settings: Settings) -> None:
    book = Rulebook(settings.rules_file, poll_seconds=60)

    assert set(subscriptions(book)) == set(SUBSCRIBED["monitor"])


async def test_the_same_event_and_the_same_fact_count_once(hear: Any, desk: Desk, user: str) -> None:
    events = [deducted(n) for n in (10, 20, 30, 40)]
    for event in events:
        id_ = uuid4()
        for _ in range(2):
            await hear(user, event, event_id=id_)
        await hear(user, event)  # Another event, of the same transfer.
    assert await desk.flags(user) == []

    await hear(user, deducted(50))

    assert [flag["rules"] for flag in await desk.flags(user)] == [["small-debits"]]


async def test_every_event_it_hears_is_one_fact(hear: Any, desk: Desk, user: str) -> None:
    heard = [event for event in EXAMPLES if type(event) in SUBSCRIBED["monitor"]]
    for event in heard:
        await hear(user, event)

    async with desk.db.autocommit() as tx:
        parked = await tx.fetch("SELECT reason FROM parked_event")
        facts = await tx.fetch("SELECT kind, subject FROM observation WHERE user_id = $1", user)
    assert parked == []
    # Of the example's one verification, that it timed out and that it was cancelled is the same fact.
    automatic = sum(isinstance(event, RefundInitiated) and event.auto for event in heard)
    assert len(facts) == len(heard) - automatic - 1
    assert {row["kind"] for row in facts} >= set(Kind) - {Kind.REFUND_ASKED}


async def test_only_a_payment_that_was_declined_has_failed_as_a_card_does(
    hear: Any, desk: Desk, user: str
) -> None:
    def failed(cause: FailureCause) -> PaymentFailed:
        return PaymentFailed(
            payment_id=uuid4(), currency="USD", amount_minor=1, reference="R", reason="r", cause=cause
        )

    others = set(FailureCause) - {FailureCause.DECLINED}
    await hear(user, *(failed(cause) for cause in others for _ in range(4)))
    await hear(user, *(failed(FailureCause.DECLINED) for _ in range(3)))
    assert await desk.flags(user) == []
    await hear(user, failed(FailureCause.DECLINED))

    assert [flag["rules"] for flag in await desk.flags(user)] == [["failed-payments-an-hour"]]


async def test_a_refund_that_comes_by_itself_is_asked_for_by_nobody(hear: Any, desk: Desk, user: str) -> None:
    def refund(auto: bool) -> RefundInitiated:
        return RefundInitiated(
            refund_id=uuid4(), currency="USD", amount_minor=1, reference="R", reason="r", auto=auto
        )

    await hear(user, refund(True), refund(True), refund(False))
    assert await desk.flags(user) == []
    await hear(user, refund(False))

    assert [flag["rules"] for flag in await desk.flags(user)] == [["refunds-a-day"]]


async def test_what_was_seen_and_said_is_not_the_services_to_change(database: ServiceDatabase) -> None:
    db = Database(database.url, application="tests")
    await db.connect()
    for forbidden in (
        "DELETE FROM flag",
        "UPDATE flag SET seen = ''",
        "DELETE FROM hit",
    ):
        async with db.autocommit() as tx:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await tx.execute(forbidden)
    await db.close()
