"""Each rule at its threshold, and one event below it; windows, orders, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from monitor.domain.flag import Hit, worst
from monitor.domain.observation import Kind, Observation, SpentHour
from monitor.domain.rules import AboveHabit, FewCodes, Rule, WindowRule
from monitor.domain.spans import in_words
from services.monitor.tests.facts import at, fact, one, spent


def seen(rule: Rule, around: Sequence[Observation], observed: Observation | None = None) -> str | None:
    """What the rule says of the last of them, or of another, with all of them there."""
    assert isinstance(rule, WindowRule)
    judged = observed or around[-1]
    assert judged.kind in rule.TRIGGERS
    assert rule.look(judged) is not None
    return rule.seen(judged, sorted(around, key=lambda each: each.at))


def failed(minutes: float) -> Observation:
    return fact(Kind.PAYMENT_FAILED, minutes)


def no_code(minutes: float) -> Observation:
    return fact(Kind.NO_CODE, minutes)


def numbers_and_an_end() -> list[Observation]:
    """A number a second, and a minute after the last of them the first has its code."""
    begun = [fact(Kind.NUMBER_ASSIGNED, n / 60) for n in range(15)]
    return [*begun, fact(Kind.CODE_RECEIVED, 1 + 14 / 60, subject=begun[0].subject)]


MET = {
    "small-debits": (
        [spent(minutes, 100 - minutes) for minutes in range(5)],
        "5 debits of $1.00 or less within 30 minutes",
    ),
    "same-amount": (
        [spent(minutes, 2_50) for minutes in range(3)],
        "3 debits of exactly $2.50 within an hour",
    ),
    "refunds-a-day": (
        [fact(Kind.REFUND_ASKED, minutes) for minutes in (0, 1439)],
        "2 refunds asked for within a day",
    ),
    "failed-payments-an-hour": (
        [failed(minutes) for minutes in range(4)],
        "4 failed payments in a row within an hour",
    ),
    "failed-payments-a-day": (
        [failed(200 * n) for n in range(6)],
        "6 failed payments in a row within a day",
    ),
    "few-codes": ([no_code(n) for n in range(10)], "Only 0 of 10 numbers got a code within a day"),
    "active-numbers": (numbers_and_an_end(), "15 numbers at the same time"),
}


@pytest.mark.parametrize("name", MET)
def test_a_rule_is_met_at_its_threshold_and_not_one_event_below(name: str) -> None:
    facts, words = MET[name]

    assert seen(one(name), facts) == words
    for n in range(len(facts)):
        assert seen(one(name), [*facts[:n], *facts[n + 1 :]]) is None, f"met without its event {n}"


@pytest.mark.parametrize("name", MET)
def test_the_first_of_them_that_is_heard_last_is_judged_the_same(name: str) -> None:
    facts, _ = MET[name]

    assert seen(one(name), facts, facts[0]) is not None
    if name != "few-codes":  # One number less is no longer enough to say anything of.
        assert seen(one(name), facts[:-1], facts[0]) is None


@pytest.mark.parametrize("name", MET)
@pytest.mark.parametrize(("short_of", "met"), [(timedelta(microseconds=1), True), (timedelta(0), False)])
def test_a_window_is_as_long_as_it_says(name: str, short_of: timedelta, met: bool) -> None:
    rule, (facts, _) = one(name), MET[name]
    begin = [replace(each, at=facts[0].at) for each in facts[:-1]]
    last = replace(facts[-1], at=facts[0].at + rule.within - short_of)

    assert (seen(rule, [*begin, last]) is not None) is met


def test_a_debit_that_is_not_small_is_not_its_concern() -> None:
    rule = one("small-debits")
    assert isinstance(rule, WindowRule)

    assert rule.look(spent(0, 1_01)) is None
    assert rule.look(spent(0, 1, currency="JPY")) is None, "nobody has said what is small there"
    look = rule.look(spent(0, 1_00))
    assert look is not None
    assert (look.most_minor, look.each_side) == (1_00, 4)


def test_a_payment_that_is_completed_begins_the_row_anew() -> None:
    rule = one("failed-payments-an-hour")
    row = [failed(0), failed(1), failed(2), fact(Kind.PAYMENT_COMPLETED, 3), failed(4)]

    assert seen(rule, row) is None
    assert seen(rule, [*row, failed(5), failed(6)]) is None
    assert seen(rule, [*row, failed(5), failed(6), failed(7)]) is not None


def test_one_code_in_fourteen_is_enough_and_one_in_fifteen_is_not() -> None:
    rule, code = one("few-codes"), fact(Kind.CODE_RECEIVED, 0)

    assert seen(rule, [code, *(no_code(n) for n in range(1, 14))]) is None
    words = "Only 1 of 15 numbers got a code within a day"
    assert seen(rule, [code, *(no_code(n) for n in range(1, 15))]) == words


@pytest.mark.parametrize(("numbers", "met"), [(10, True), (9, False)])
def test_the_number_that_makes_enough_of_them_may_be_one_with_a_code(numbers: int, met: bool) -> None:
    rule = one("few-codes")
    assert isinstance(rule, FewCodes)
    rule = replace(rule, below_percent=50)
    facts = [*(no_code(n) for n in range(numbers - 1)), fact(Kind.CODE_RECEIVED, numbers)]

    assert (seen(rule, facts) is not None) is met


@pytest.mark.parametrize(("ended", "met"), [(13.5, False), (14, False), (14.5, True)])
def test_a_number_that_has_ended_is_not_active(ended: float, met: bool) -> None:
    begun = [fact(Kind.NUMBER_ASSIGNED, n) for n in range(15)]
    end = fact(Kind.NO_CODE, ended, subject=begun[0].subject)
    later = fact(Kind.NO_CODE, 16, subject=begun[1].subject)

    assert (seen(one("active-numbers"), [*begun, end, later]) is not None) is met


def test_a_number_is_over_after_the_window_though_no_end_was_heard() -> None:
    kept_open = fact(Kind.NUMBER_ASSIGNED, 0)
    begun = [fact(Kind.NUMBER_ASSIGNED, minutes) for minutes in (*(20 + n / 10 for n in range(13)), 30)]
    later = fact(Kind.NO_CODE, 31, subject=begun[0].subject)

    assert seen(one("active-numbers"), [kept_open, *begun, later]) is None
    kept_open = replace(kept_open, at=at(0.1))
    assert seen(one("active-numbers"), [kept_open, *begun, later]) is not None


def test_a_number_that_overtakes_the_end_before_it_is_not_one_too_many() -> None:
    rule = one("active-numbers")
    begun = [fact(Kind.NUMBER_ASSIGNED, n) for n in range(15)]
    overtaken = fact(Kind.CODE_RECEIVED, 13.99, subject=begun[0].subject)
    later = fact(Kind.CODE_RECEIVED, 16, subject=begun[1].subject)

    heard = [*begun, overtaken, later]

    assert [seen(rule, heard[:n]) for n in range(1, len(heard) + 1)] == [None] * len(heard)


def habit(debits: int, minor: int = 2_00) -> list[SpentHour]:
    return [SpentHour(at(-60 * n), minor, 1) for n in range(1, debits + 1)]


@pytest.mark.parametrize(
    ("debits", "minor", "met"), [(10, 10_01, True), (10, 10_00, False), (9, 99_00, False)]
)
def test_above_habit_is_more_than_five_times_the_median_of_ten_debits(
    debits: int, minor: int, met: bool
) -> None:
    rule = one("above-habit")
    assert isinstance(rule, AboveHabit)

    said = rule.seen(spent(5, minor), [*habit(debits), SpentHour(at(0), minor, 1)])

    assert said == ("$10.01 spent in an hour, over 5 times your usual" if met else None)


def test_every_order_of_arrival_leads_to_the_same_verdict() -> None:
    rule, facts = one("same-amount"), [spent(minutes, 5_00) for minutes in (0, 30, 59)]

    for order in permutations(facts):
        verdicts = [seen(rule, order[:n]) is not None for n in range(1, 4)]
        assert verdicts == [False, False, True]


def test_scores_combine_by_maximum() -> None:
    hits = [Hit(one(name), name) for name in ("same-amount", "small-debits", "failed-payments-an-hour")]

    assert worst(hits).seen == "small-debits"
    assert worst(hits).rule.score == 0.7


def test_the_same_moment_twice_is_two_facts() -> None:
    same = [spent(0, 5_00) for _ in range(3)]

    assert seen(one("same-amount"), same, same[1]) is not None
    assert len({each.subject for each in same}) == 3
    assert fact(Kind.SPENT, 0, 1, subject=(id_ := uuid4())).subject == id_


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (1, "a minute"),
        (30, "30 minutes"),
        (60, "an hour"),
        (90, "90 minutes"),
        (1440, "a day"),
        (2880, "2 days"),
    ],
)
def test_a_span_in_words(minutes: int, words: str) -> None:
    assert in_words(timedelta(minutes=minutes)) == words
