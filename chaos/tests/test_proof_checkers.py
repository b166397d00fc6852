"""I12, I13 and I14: a trail that lacks something, says something twice, or is not what was sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chaos.final import Coverage, Link
from chaos.tests.example import World, seal
from shared.trail import Entry

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
