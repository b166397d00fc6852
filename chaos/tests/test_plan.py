"""The plan comes from the seed alone, and leaves nothing out."""

from __future__ import annotations

from itertools import islice

from chaos.faults import FAULTS
from chaos.plan import plan
from chaos.run import LOSSY, Order, drawn

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
        for step in islice(plan(seed, {name: BREAKS[name] for name in drawn(seed)}), IN_A_SHORT_RUN)
        for name in step.faults
    }

    assert met == set(BREAKS)


def test_what_the_broker_loses_is_drawn_only_where_it_is_told_once_more() -> None:
    assert set(Order(2).faults) >= LOSSY
    assert Order(2).recap_after_seconds is not None
    assert set(Order(1).faults) == set(FAULTS) - LOSSY
    assert Order(1).recap_after_seconds is None


def test_what_is_run_again_names_faults_only_where_they_were_chosen() -> None:
    assert Order(1, 30).command == "make chaos SEED=1 MINUTES=30"
    assert Order(1, faults=("kill", "poison")).command == "make chaos SEED=1 MINUTES=2 FAULTS=kill,poison"


def test_each_of_the_twenty_five_is_there() -> None:
    assert {fault.number for fault in FAULTS.values()} == set(range(1, 26))
