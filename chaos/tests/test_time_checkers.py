"""I3, I10 and I11: money that waits for others, what never comes to its end, what is never given back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.final import Hold, Parked, Resources
from chaos.tests.example import World

# -------------------------------------------------------------- I3, latency


def slow(world: World, seconds: float, via: str = "credit", *, answered: bool = True) -> None:
    asked = {"user": "ada", "amount": "0.07", "currency": "USD", "via": via}
    key = world.id()
    world.say("ada", "debit", "invoke", key, **asked)
    world.clock += seconds
    if answered:
        world.debit("ada", 7)
        last = world.records[-1]
        world.records[-1] = replace(last, value=last.value | {"seconds": seconds, "via": via})
    else:
        world.say("ada", "debit", "info", key, **asked, seconds=seconds, error="ReadTimeout")


def outage(world: World, chosen: str, seconds: float = 10) -> None:
    world.clock += 10  # What was before is over.
    world.say("nemesis", "killed", "invoke", chosen.rpartition("→")[2], chosen=chosen)
    world.clock += seconds


def recovery(world: World, chosen: str) -> None:
    world.say("nemesis", "killed", "ok", chosen.rpartition("→")[2], chosen=chosen)


@pytest.mark.parametrize(
    "target", ["rabbitmq", "notifier", "ws-gateway", "credit→rabbitmq", "notifier→postgres"]
)
def test_a_debit_that_waits_while_others_are_away(world: World, target: str) -> None:
    outage(world, target)
    slow(world, 0.6)
    recovery(world, target)
    world.end()
    assert world.counts == {"stuck": 1}


@pytest.mark.parametrize("target", ["rabbitmq", "notifier", "ws-gateway"])
def test_a_debit_that_is_not_answered_while_others_are_away(world: World, target: str) -> None:
    outage(world, target)
    slow(world, 0.1, answered=False)
    recovery(world, target)
    world.end()
    assert world.counts == {"stuck": 1}


def test_a_debit_that_takes_no_longer_than_it_may(world: World) -> None:
    outage(world, "rabbitmq")
    slow(world, 0.4)
    recovery(world, "rabbitmq")
    world.end()
    assert world.counts == {}


@pytest.mark.parametrize(("seconds", "found"), [(6.0, {}), (9.0, {"stuck": 1})])
def test_a_debit_through_a_gateway_that_has_its_hands_full(
    world: World, seconds: float, found: dict[str, int]
) -> None:
    outage(world, "notifier")
    slow(world, seconds, "ws-gateway")
    recovery(world, "notifier")
    world.end()
    assert world.counts == found


@pytest.mark.parametrize(("many", "found"), [(2, {}), (3, {"stuck": 1})])
def test_debits_of_which_more_than_a_few_wait(world: World, many: int, found: dict[str, int]) -> None:
    outage(world, "notifier")
    for _ in range(many):
        slow(world, 6.0, "ws-gateway")
    for _ in range(40 - many):
        slow(world, 0.1)
    recovery(world, "notifier")
    world.end()
    assert world.counts == found


def test_a_debit_through_the_gateway_that_is_away(world: World) -> None:
    outage(world, "ws-gateway")
    slow(world, 0.6, "ws-gateway", answered=False)
    recovery(world, "ws-gateway")
    world.end()
    assert world.counts == {}


@pytest.mark.parametrize("target", ["credit", "postgres", "credit→postgres"])
def test_a_debit_that_waits_for_what_it_needs(world: World, target: str) -> None:
    outage(world, "rabbitmq")
    outage(world, target, seconds=0.1)
    recovery(world, target)
    slow(world, 0.6)
    recovery(world, "rabbitmq")
    world.end()
    assert world.counts == {}


# -------------------------------------------------------------- I10, draining


def test_rows_and_messages_that_are_left(world: World) -> None:
    world.end()
    world.left["unsent"] = {"credit": 2, "payment": 0}
    world.left["unprocessed"] = {"payment": 1}
    world.left["queues"] = {"notifier.critical": 3, "notifier.dead": 1, "credit.events": 0}
    assert world.counts == {"stuck": 7}


@pytest.mark.parametrize(("seconds", "counts"), [(29, {}), (31, {"stuck": 1})])
def test_draining_in_time_or_not(world: World, seconds: float, counts: dict[str, int]) -> None:
    world.phase("heal")
    world.clock += seconds
    world.phase("drained")
    world.phase("read")
    assert world.counts == counts


def test_draining_that_never_ended(world: World) -> None:
    world.phase("heal")
    world.phase("read")
    assert world.counts == {"stuck": 1}


def test_draining_that_was_given_up(world: World) -> None:
    world.phase("heal")
    world.say("run", "waiting", "info", left=["2 payments succeeded"])
    world.phase("drained")
    world.phase("read")
    assert world.counts == {"stuck": 1}


def test_what_is_still_on_its_way(world: World) -> None:
    world.end()
    world.payments[0] = replace(world.payments[0], state="succeeded")
    world.verifications[0] = replace(world.verifications[0], state="expiring")
    world.refunds[0] = replace(world.refunds[0], state="processing")
    stuck = [finding for finding in world.verdict.findings if finding.invariant == "I10"]
    assert [finding.words for finding in stuck] == [
        "a payment is still succeeded",
        "a verification is still expiring",
        "a refund is still processing",
    ]


@pytest.mark.parametrize("state", ["pending", "failed", "expired", "cancelled"])
def test_money_that_the_provider_has_and_nobody_was_credited(world: World, state: str) -> None:
    world.end()
    world.payments[0] = replace(world.payments[0], state=state)
    stuck = [finding for finding in world.verdict.findings if finding.invariant == "I10"]
    assert [finding.words for finding in stuck] == [f"the provider was paid, and the payment is {state}"]


def test_a_hold_that_nobody_wants(world: World) -> None:
    world.end()
    world.holds.append(Hold("forgotten", "ada", "USD", 0, "placed"))
    assert world.counts == {"stuck": 1}


def test_a_parked_event_that_was_half_tried(world: World) -> None:
    world.end()
    world.left["parked"] = (Parked("notifier", "event", "attempting", "the broker gave up on it"),)
    assert world.counts == {"stuck": 1}


# -------------------------------------------------------------- I11, leaks


@pytest.mark.parametrize(
    ("what", "figure", "count"),
    [("sessions", 13, 3), ("idle_in_transaction", 2, 2), ("channels", 7, 2), ("memory", 300 << 20, 1)],
)
def test_what_is_never_given_back(world: World, what: str, figure: int, count: int) -> None:
    world.end()
    figures: Resources = world.resources
    world.resources = replace(figures, **{what: getattr(figures, what) | {"notifier": figure}})
    assert world.counts == {"leaked": count}


def test_a_pool_that_has_opened_all_it_may(world: World) -> None:
    world.end()
    world.resources = replace(world.resources, sessions={"credit": 9, "notifier": 10})
    assert world.counts == {}
