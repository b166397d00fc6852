"""The file of rules: what is shipped, and every fault told with its line, its field and what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.adapters.rules_file import SHIPPED, read_text
from monitor.domain.reading import RulesRefused, read_rules
from monitor.domain.rules import ActiveNumbers
from services.monitor.tests.facts import shipped
from verification.main import Settings

GOOD = """\
# A comment
[bursts]
watch = "small debits"
count = 5
at_most = { USD = "1.00" }
within_minutes = 30
score = 0.7
alert = true
freeze_on_dispute = true

[again]
watch = "same amount"
count = 3
within_minutes = 60
score = 0.4
alert = false
freeze_on_dispute = false
"""


def test_what_is_shipped_is_read_and_alerts_nobody_until_operations_say_so() -> None:
    rules = read_rules(read_text(SHIPPED), str(SHIPPED))

    assert {type(rule).__name__ for rule in rules} == {
        "SmallDebits",
        "SameAmount",
        "Refunds",
        "FailedPayments",
        "FewCodes",
        "ActiveNumbers",
        "AboveHabit",
    }
    assert not any(rule.alert for rule in rules)
    assert all(rule.alert for rule in shipped())


def test_a_user_can_have_as_many_numbers_as_the_shipped_rule_counts_and_each_ends_within_its_window() -> None:
    known = Settings.model_fields
    (rule,) = [rule for rule in shipped() if isinstance(rule, ActiveNumbers)]

    assert rule.count < known["max_active"].default
    assert rule.within > 2 * timedelta(seconds=known["deadline_seconds"].default)


def test_a_rule_is_as_it_is_written() -> None:
    first, second = read_rules(GOOD, "rules.toml")

    assert (first.name, first.within.total_seconds(), first.score) == ("bursts", 1800, 0.7)
    assert (first.alert, first.freeze_on_dispute, vars(first)["at_most"]) == (True, True, {"USD": 100})
    assert (second.name, second.alert, vars(second)["count"]) == ("again", False, 3)


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("count = 5", "count = ", "rules.toml:4: this is not TOML: "),
        ("count = 5", "count = '5'", "rules.toml:4: [bursts] count: write a whole number from 2 to 1000"),
        ("count = 5", "count = true", "rules.toml:4: [bursts] count: write a whole number"),
        ("count = 3", "count = 1", "rules.toml:13: [again] count: write a whole number"),
        ("count = 3", "cuont = 3", "rules.toml:13: [again] cuont: 'same amount' knows no such field"),
        ("count = 3\n", "", "rules.toml:11: [again] count: is missing; add it"),
        ("score = 0.4", "score = 4", "rules.toml:15: [again] score: write a number above 0, at most 1"),
        ("score = 0.4", "score = nan", "rules.toml:15: [again] score: write a number"),
        ("alert = false", "alert = 'no'", "rules.toml:16: [again] alert: write true or false"),
        ('USD = "1.00"', 'USD = "1.001"', "rules.toml:5: [bursts] at_most: USD: USD has 2 decimal digits"),
        ('USD = "1.00"', "USD = 1.00", "rules.toml:5: [bursts] at_most: USD: write amounts by currency"),
        ('USD = "1.00"', 'DOLLAR = "1"', "rules.toml:5: [bursts] at_most: DOLLAR: "),
        ('{ USD = "1.00" }', "{}", "rules.toml:5: [bursts] at_most: write amounts by currency"),
        ("within_minutes = 60", "within_minutes = 43201", "rules.toml:14: [again] within_minutes: "),
        ('"same amount"', '"same"', "rules.toml:12: [again] watch: write one of 'small debits', "),
        ("[again]", "[Again!]", "rules.toml:11: this is not TOML: "),
        ("[again]", "[AGAIN]", "rules.toml:11: [AGAIN]: a name has up to 50 small letters"),
        ("[bursts]", "again = 3\n[bursts]", "rules.toml:12: this is not TOML: "),
        (
            "[bursts]",
            "loose = 3\n[bursts]",
            "rules.toml:2: [loose]: a rule is a table: begin it with [loose]",
        ),
        ("[again]", "[bursts]", "rules.toml:11: this is not TOML: "),
        ("[again]", "['at line 1']\n['at line 1']", "rules.toml:12: this is not TOML: "),
        ("count = 5", f"count = {'5' * 5000}", "rules.toml:1: this cannot be read: "),
        ("count = 5", f"count = {'[' * 5000}", "rules.toml:1: this cannot be read: "),
        ("[again]", "[count]\nname = 3", "rules.toml:12: [count] name: 'same amount' knows no such field"),
        ("[again]", "[[again]]", "rules.toml:11: [again]: a rule is a table: begin it with [again]"),
        ("[again]", "[again.and]", "rules.toml:11: [again] watch: write one of 'small debits', "),
        ("count = 3", "'count' = 1", "rules.toml:13: [again] count: write a whole number"),
        ("score = 0.7", "bursts.score = 7", "rules.toml:7: [bursts] bursts: 'small debits' knows no such"),
        (
            'at_most = { USD = "1.00" }',
            'at_most.USD = "1.001"',
            "rules.toml:5: [bursts] at_most: USD: USD has",
        ),
        ("alert = true", "alert = [\n  [true],\n]\n", "rules.toml:8: [bursts] alert: write true or false"),
        ("[again]", "[bursts.more]", "rules.toml:11: [bursts] more: 'small debits' knows no such field"),
    ],
)
def test_a_fault_is_told_with_its_line_its_field_and_what_to_do(
    written: str, instead: str, told: str
) -> None:
    assert written in GOOD
    with pytest.raises(RulesRefused) as refused:
        read_rules(GOOD.replace(written, instead, 1), "rules.toml")

    assert str(refused.value).startswith(told)


def test_a_habit_is_known_by_the_hour() -> None:
    text = read_text(SHIPPED)
    head, _, habit = text.partition("[above-habit]")
    with pytest.raises(RulesRefused, match="within_minutes: write 60"):
        read_rules(f"{head}[above-habit]{habit.replace('= 60', '= 90')}", "rules.toml")


def test_an_empty_file_is_no_rules() -> None:
    with pytest.raises(RulesRefused, match=r"rules\.toml:1: there is no rule"):
        read_rules("# Nothing yet\n", "rules.toml")
