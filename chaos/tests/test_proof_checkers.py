"""I12, I13 and I14: a trail that lacks something, says something twice, or is not what was sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from chaos.final import Audit, Coverage, Link, Parked
from chaos.tests.example import AT, World, seal
from shared.trail import Entry, Fault

# -------------------------------------------------------------- I12, the chain


def entries(world: World, keep: Callable[[Entry], bool] = lambda _: True) -> list[Entry]:
    return [link.entry for link in world.final.trail if keep(link.entry)]


def test_what_was_stored_and_is_not_in_the_trail(world: World) -> None:
    world.end()
    world.chains = seal(entries(world, lambda each: not (each.what == "stored" and each.seq == 3)))
    assert world.counts == {"lost": 2}  # Ada's and Bob's.


def test_what_was_received_twice(world: World) -> None:
    world.end()
    kept = entries(world)
    world.chains = seal([*kept, kept[0]])
    assert world.counts == {"doubled": 1}


def altered(links: list[Link]) -> None:
    links[4] = Link(replace(links[4].entry, detail={"title": "other"}), links[4].hash)


def dropped(links: list[Link]) -> None:
    del links[4]


def swapped(links: list[Link]) -> None:
    first, second = links[4].entry, links[5].entry
    links[4] = Link(replace(second, place=first.place), links[4].hash)
    links[5] = Link(replace(first, place=second.place), links[5].hash)


@pytest.mark.parametrize("harm", [altered, dropped, swapped])
def test_a_chain_that_does_not_hold(world: World, harm: Callable[[list[Link]], None]) -> None:
    world.end()
    adas = [link for link in world.final.trail if link.entry.user_id == "ada"]
    others = [link for link in world.final.trail if link.entry.user_id != "ada"]
    pushed = [link for link in adas if link.entry.what == "pushed"]
    assert adas.index(pushed[0]) > 5
    harm(adas)
    world.chains = (*adas, *others)
    words = [finding.words for finding in world.verdict.findings]
    assert any("not what was sealed" in each or "after place 4 comes 6" in each for each in words)


def test_what_has_its_place_before_what_it_tells_of(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.end()
    world.chains = seal(sorted(entries(world), key=lambda each: each.what != "acknowledged"))
    assert world.counts == {"lost": 1}


def test_what_was_never_sealed(world: World) -> None:
    world.end()
    *sealed, last = world.final.trail
    world.chains = (*sealed, Link(replace(last.entry, place=None), None))
    assert world.counts == {"stuck": 1}


# -------------------------------------------------------------- I12, what is not shown, parked or read


def test_what_came_and_is_not_shown_and_is_known(world: World) -> None:
    world.suppress("ada")
    world.end()
    assert world.counts == {}


def test_what_came_and_is_neither_shown_nor_known(world: World) -> None:
    world.suppress("ada")
    world.trail.clear()
    world.end()
    assert world.counts == {"lost": 1}


def test_what_is_known_and_never_came(world: World) -> None:
    world.suppress("ada")
    world.silent.clear()
    world.end()
    assert world.counts == {"doubled": 1}


@pytest.mark.parametrize(
    ("parked", "known", "counts"),
    [
        (Parked("notifier", str(UUID(int=9)), "parked", "broken", told=True), True, {}),
        (Parked("notifier", str(UUID(int=9)), "parked", "broken", told=True), False, {"lost": 1}),
        (Parked("notifier", str(UUID(int=9)), "handled", "broken", told=True), True, {}),
        (Parked("notifier", str(UUID(int=9)), "handled", "broken", told=True), False, {}),
        (Parked("refund", str(UUID(int=9)), "parked", "broken"), False, {}),
        (Parked("refund", str(UUID(int=9)), "parked", "broken"), True, {"doubled": 1}),
    ],
)
def test_what_was_parked(world: World, parked: Parked, known: bool, counts: dict[str, int]) -> None:
    world.say("nemesis", "malformed", "ok", "notifier", poison=[parked.id])
    world.left["parked"] = (parked,)
    if known:
        world.trail.append(Entry("ada", None, "parked", AT, UUID(parked.id)))
    world.end()
    assert world.counts == counts


def test_what_is_read_and_known_to_be(world: World) -> None:
    world.read("ada", 2)
    world.read("ada", 1, 5)
    world.read("bob", 3)
    world.end()
    assert world.counts == {}


def test_what_is_read_and_not_known_to_be(world: World) -> None:
    world.read("ada", 2)
    world.read("ada", 1, 5)
    world.read("bob", 3)
    del world.trail[1:]
    world.end()
    assert world.counts == {"lost": 5}


def test_what_is_said_to_be_read_and_is_not(world: World) -> None:
    world.read("ada", 1, 5)
    world.trail[0] = replace(world.trail[0], up_to=7)
    world.end()
    assert world.counts == {"doubled": 2}


# -------------------------------------------------------------- I12, the audit


def test_each_fault_that_the_audit_finds(world: World) -> None:
    world.end()
    faults = (
        Fault("checkpoint_missing", "checkpoint 2", "what comes next is 3"),
        Fault("checkpoint_altered", "checkpoint 3", "it is not what was signed"),
        Fault("entry_unsealed", "the entry with id 7 of user ada", "it had a seal, and has none"),
    )
    world.audit = Audit(faults, seals=len(world.final.trail), checkpoints=3)
    assert [str(finding) for finding in world.verdict.findings] == [
        "I12 lost 1: the audit says checkpoint_missing of checkpoint 2: what comes next is 3",
        "I12 lost 1: the audit says checkpoint_altered of checkpoint 3: it is not what was signed",
        "I12 lost 1: the audit says entry_unsealed of the entry with id 7 of user ada:"
        " it had a seal, and has none",
    ]


def test_an_audit_that_has_not_looked_at_every_seal(world: World) -> None:
    world.end()
    world.audit = Audit((), seals=len(world.final.trail) - 1, checkpoints=3)
    assert world.counts == {"lost": 1}


# -------------------------------------------------------------- I13, the receipts


def test_what_was_acknowledged_and_is_known(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.end()
    assert world.counts == {}


def test_an_acknowledgement_that_was_lost(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.end()
    assert world.counts == {"lost": 1}


def test_an_acknowledgement_between_two_sessions(world: World) -> None:
    world.disconnect("ada/tab-1")
    world.say("ada/tab-1", "acknowledged", "info", "ada", seq=world.newest("ada"))
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.end()
    assert world.counts == {}


@pytest.mark.parametrize(("seconds", "counts"), [(0.2, {}), (1.5, {"lost": 1})])
def test_an_acknowledgement_that_crossed_the_gateways_own_closing(
    world: World, seconds: float, counts: dict[str, int]
) -> None:
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.clock += seconds
    world.disconnect("ada/tab-1", code=4401)
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.end()
    assert world.counts == counts


def test_an_acknowledgement_that_a_killed_gateway_took_with_it(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.say("nemesis", "kill", "invoke", "ws-gateway")
    world.say("nemesis", "kill", "ok", "ws-gateway")
    world.disconnect("ada/tab-1")
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.end()
    assert world.counts == {}


@pytest.mark.parametrize(
    ("fault", "of", "counts"),
    [
        ("replicas", "credit", {"lost": 1}),
        ("rolling-upgrade", "notifier", {"lost": 1}),
        ("rolling-upgrade", "ws-gateway", {}),
    ],
)
def test_an_acknowledgement_while_others_come_and_go(
    world: World, fault: str, of: str, counts: dict[str, int]
) -> None:
    world.say("nemesis", fault, "invoke", of)
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.say("nemesis", fault, "ok", of)
    world.end()
    assert world.counts == counts


def test_an_acknowledgement_that_a_second_gateway_took_with_it(world: World) -> None:
    world.say("nemesis", "replicas", "invoke", "credit")
    world.disconnect("ada/tab-1")
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.debit("ada", 1)
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.disconnect("ada/tab-1")
    world.say("nemesis", "replicas", "ok", "credit")
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.end()
    assert world.counts == {}


def test_an_acknowledgement_to_a_gateway_that_was_still_there_after_the_fault(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.say("nemesis", "stop", "invoke", "ws-gateway")
    world.say("nemesis", "stop", "ok", "ws-gateway")
    world.debit("ada", 1)
    world.acknowledge("ada/tab-1")
    world.debit("ada", 1)
    world.acknowledge("ada/tab-1")
    world.end()
    assert world.counts == {}
    world.trail.pop()
    assert world.counts == {"lost": 1}
    world.trail.pop()  # That it was there after the fault is not known any more.
    assert world.counts == {}


def test_what_is_said_again_after_the_fault_does_not_show_that_its_gateway_was_still_there(
    world: World,
) -> None:
    world.acknowledge("ada/tab-1")
    known = world.newest("ada")
    world.debit("ada", 1)
    world.say("nemesis", "kill", "invoke", "ws-gateway")
    world.say("nemesis", "kill", "ok", "ws-gateway")
    world.say("ada/tab-1", "acknowledged", "info", "ada", seq=known)
    world.end()
    world.chains = seal(
        [
            replace(each, up_to=known) if (each.what, each.user_id) == ("pushed", "ada") else each
            for each in entries(world)
        ]
    )
    assert world.counts == {}


def test_what_is_said_again_though_a_killed_gateway_took_its_push_with_it(world: World) -> None:
    world.say("nemesis", "kill", "invoke", "ws-gateway")
    world.say("nemesis", "kill", "ok", "ws-gateway")
    world.disconnect("ada/tab-1")
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.acknowledge("ada/tab-1")
    world.end()
    world.chains = seal(entries(world, lambda each: each.what != "pushed"))
    assert world.counts == {}


@pytest.mark.parametrize(
    ("fault", "edge", "counts"),
    [
        ("reset", "door-1→ws-gateway", {}),
        ("black-hole", "door-1→ws-gateway", {}),
        ("one-way", "door-1→ws-gateway", {}),
        ("latency", "door-1→ws-gateway", {"lost": 1}),
        ("black-hole", "page→ws-gateway", {"lost": 1}),
        ("black-hole", "refund→credit", {"lost": 1}),
    ],
)
def test_an_acknowledgement_that_a_silent_line_has_swallowed(
    world: World, fault: str, edge: str, counts: dict[str, int]
) -> None:
    world.say("nemesis", fault, "invoke", edge)
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.say("nemesis", fault, "ok", edge)
    world.end()
    assert world.counts == counts


@pytest.mark.parametrize(("before", "counts"), [(0.9, {}), (1.1, {"lost": 1})])
def test_an_acknowledgement_before_the_line_fell_silent(
    world: World, before: float, counts: dict[str, int]
) -> None:
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.clock += before
    world.say("nemesis", "black-hole", "invoke", "door-1→ws-gateway")
    world.say("nemesis", "black-hole", "ok", "door-1→ws-gateway")
    world.end()
    assert world.counts == counts


def test_an_acknowledgement_after_the_line_was_silent(world: World) -> None:
    world.say("nemesis", "black-hole", "invoke", "door-1→ws-gateway")
    world.say("nemesis", "black-hole", "ok", "door-1→ws-gateway")
    world.acknowledge("ada/tab-1")
    world.trail.clear()
    world.end()
    assert world.counts == {"lost": 1}


def test_more_than_was_acknowledged(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.records = [record for record in world.records if record.f != "acknowledged"]
    world.end()
    assert world.counts == {"doubled": 1}


def test_what_a_session_had_already_and_is_said_to_have_been_sent(world: World) -> None:
    world.disconnect("ada/tab-1")
    world.connect("ada/tab-1", "ada", since=world.newest("ada"))
    world.acknowledge("ada/tab-1")
    world.end()
    assert world.counts == {}
    world.trail[0] = replace(world.trail[0], detail={"session": world.sessions["ada/tab-1"]})
    assert world.counts == {"doubled": 1}


def test_an_acknowledgement_in_the_trail_of_another(world: World) -> None:
    world.acknowledge("ada/tab-1")
    world.trail[0] = replace(world.trail[0], user_id="bob", up_to=1)
    world.end()
    assert world.counts == {"leaked": 1, "lost": 1}


def test_what_was_shown_and_is_not_known_as_pushed(world: World) -> None:
    world.end()
    world.chains = seal(entries(world, lambda each: (each.what, each.user_id) != ("pushed", "bob")))
    assert world.counts == {"lost": world.newest("bob")}


# -------------------------------------------------------------- I14, coverage


@pytest.mark.parametrize(
    ("more", "holes", "missing", "counts"),
    [
        (0, 0, 0, {}),
        (-2, 0, 0, {"lost": 2}),
        (1, 0, 0, {"doubled": 1}),
        (0, 3, 0, {"lost": 3}),
        (0, 0, 1, {"stuck": 1}),
    ],
)
def test_what_is_said_of_the_ledger(
    world: World, more: int, holes: int, missing: int, counts: dict[str, int]
) -> None:
    world.end()
    world.coverage = Coverage(len(world.transfers) + more, holes, missing)
    assert world.counts == counts
