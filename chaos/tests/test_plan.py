"""The plan comes from the seed alone, and leaves nothing out."""

from __future__ import annotations

from itertools import islice

from chaos.faults import FAULTS
from chaos.plan import plan

BREAKS = {name: fault.breaks for name, fault in FAULTS.items()}
IN_A_SHORT_RUN = 16  # Steps that two minutes have room for.


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    assert list(islice(plan(7, BREAKS), 200)) == list(islice(plan(7, BREAKS), 200))
    assert list(islice(plan(7, BREAKS), 20)) != list(islice(plan(8, BREAKS), 20))


def test_every_fault_comes_before_any_comes_again() -> None:
    names: list[str] = []
    for step in plan(1, BREAKS):
        names += step.faults
        if len(names) >= len(BREAKS):
            break

    assert sorted(names) == sorted(BREAKS)


def test_what_breaks_at_once_is_of_two_kinds() -> None:
    pairs = [step.faults for step in islice(plan(2, BREAKS), 300) if len(step.faults) > 1]

    assert pairs
    assert all(BREAKS[one] != BREAKS[other] for one, other in pairs)


def test_ten_short_runs_meet_every_fault() -> None:
    met = {
        name
        for seed in range(1, 11)
        for step in islice(plan(seed, BREAKS), IN_A_SHORT_RUN)
        for name in step.faults
    }

    assert met == set(BREAKS)


def test_each_of_the_twenty_five_is_there() -> None:
    assert {fault.number for fault in FAULTS.values()} == set(range(1, 26))
