"""What went well is green, what is broken is red, and what says too little is neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.final import Audit, Final
from chaos.tests.example import World
from chaos.verdict import judge


def test_what_went_well_is_green(world: World) -> None:
    world.end()
    verdict = world.verdict
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.unknown == ()
    assert verdict.green
    assert verdict.line == "chaos: seed 7, 21 operations, 1 faults, lost 0, doubled 0, leaked 0, stuck 0"


def test_what_was_found_is_counted_and_told(world: World) -> None:
    transfer = world.book("ada", -7)
    world.answered("debit", "ada", 7, transfer)
    world.notify("bob", "credit.deducted", "/history", "rolled back")
    world.end()
    verdict = world.verdict
    assert verdict.red
    assert not verdict.green
    assert [str(finding) for finding in verdict.findings] == [
        f"I4 lost 1 of ada: no credit.deducted was ever shown ({transfer})",
        "I9 doubled 1 of bob: credit.deducted was shown of what never happened (rolled back)",
    ]
    assert verdict.line.endswith("lost 1, doubled 1, leaked 0, stuck 0")


def test_nothing_at_all_is_unknown() -> None:
    verdict = judge([], Final())
    assert not verdict.green
    assert not verdict.red
    assert "there were no faults" in verdict.unknown
    assert "only 0 operations were ok" in verdict.unknown
    assert "there was no notification" in verdict.unknown
    assert "there were no tabs" in verdict.unknown
    assert "no checkpoint of the trail was looked at" in verdict.unknown
    assert "only 0 sessions have acknowledged what the trail has to know" in verdict.unknown


def test_a_run_without_faults_is_unknown(world: World) -> None:
    world.end()
    world.records = [each for each in world.records if each.process != "nemesis"]
    assert world.verdict.unknown == ("there were no faults",)
    assert not world.verdict.green


def test_a_run_whose_faults_never_came_to_be_is_unknown(world: World) -> None:
    world.end()
    world.records = [
        replace(each, type="fail") if (each.process, each.type) == ("nemesis", "ok") else each
        for each in world.records
    ]
    assert world.verdict.unknown == ("there were no faults",)
    assert world.verdict.faults == 0


def test_a_run_in_which_nothing_was_done_during_a_fault_is_unknown(world: World) -> None:
    idle = [each for each in world.records if each.process != "nemesis"]
    world.records, world.clock = idle, 100
    world.say("nemesis", "killed", "invoke", "credit")
    world.say("nemesis", "killed", "ok", "credit")
    world.end()
    assert world.verdict.unknown == ("no operation was ok during a fault",)


def test_a_tab_that_was_never_shown_anything_makes_it_unknown(world: World) -> None:
    world.connect("eve/tab-1", "eve")
    world.end()
    assert world.verdict.unknown == ("1 of 4 tabs were never shown anything",)


def test_a_trail_without_a_checkpoint_makes_it_unknown(world: World) -> None:
    world.end()
    world.audit = Audit((), seals=len(world.final.trail), checkpoints=0)
    assert world.verdict.unknown == ("no checkpoint of the trail was looked at",)


def test_too_few_sessions_whose_words_must_be_known_make_it_unknown(world: World) -> None:
    world.records[0].value["fewest_sessions"] = 2
    world.acknowledge("ada/tab-1")
    world.end()
    assert world.verdict.unknown == ("only 1 sessions have acknowledged what the trail has to know",)


def test_sessions_whose_gateway_was_killed_do_not_count(world: World) -> None:
    world.records[0].value["fewest_sessions"] = 2
    for tab in ("ada/tab-1", "ada/tab-2", "bob/tab-1"):
        world.acknowledge(tab)
    assert not any("sessions" in reason for reason in world.verdict.unknown)
    world.say("nemesis", "kill", "invoke", "ws-gateway")
    world.say("nemesis", "kill", "ok", "ws-gateway")
    world.end()
    assert world.verdict.unknown == ("only 0 sessions have acknowledged what the trail has to know",)


@pytest.mark.parametrize("phase", ["faults", "heal", "drained", "read"])
def test_a_run_that_was_broken_off_is_unknown(world: World, phase: str) -> None:
    world.end()
    world.records = [each for each in world.records if (each.f, each.key) != ("phase", phase)]
    assert f"there was no phase {phase}" in world.verdict.unknown
