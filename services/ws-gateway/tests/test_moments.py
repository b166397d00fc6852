"""What processes say of themselves becomes rates, ages and percentiles of fifteen minutes, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from shared.messaging.topology import SERVICES
from shared.observability.vitals import EVERY_SECONDS
from ws_gateway.handlers.moments import KEPT, Buckets, Moments, Told, quantile_ms

NONE = {"critical": [(0.01, 0.0), (0.1, 0.0), (None, 0.0)]}


def gateway(process: str, at: float, **more: Any) -> Told:
    return Told(
        service="ws-gateway", process=process, at=at, **{"began": -1.0, "tabs": 1, "users": 1, **more}
    )


def notifier(process: str, at: float, depth: int, **more: Any) -> Told:
    queues = {"notifier.critical": depth, "notifier.dead": 3}
    return Told(service="notifier", process=process, began=-1.0, at=at, queues=queues, parked=2, **more)


def lane(moments: Moments) -> dict[str, Any]:
    found: dict[str, Any] = moments.now["lanes"]["critical"]
    return found


def service(moments: Moments, name: str) -> dict[str, Any]:
    [found] = [each for each in moments.now["services"] if each["service"] == name]
    assert isinstance(found, dict)
    return found


def test_rates_are_by_each_process_own_clock_and_add_up() -> None:
    moments = Moments(since=0.0)
    for process in ("a", "b"):
        moments.heard(gateway(process, 100.0, pushed={"critical": 1000.0}), 100.0)
    moments.close(100.0)
    assert moments.now["pushed"] == 0.0, "what was before it was first heard belongs to no moment"

    moments.heard(gateway("a", 102.0, pushed={"critical": 1010.0}), 102.4)
    moments.heard(gateway("b", 104.0, pushed={"critical": 1040.0, "high": 4.0}), 104.0)
    moments.close(104.0)

    assert moments.now["pushed"] == 10 / 2 + 44 / 4


def test_a_process_that_began_anew_counts_from_nothing() -> None:
    moments = Moments(since=0.0)
    moments.heard(notifier("a", 0.0, 0, stored={"high": 500.0}), 0.0)
    moments.heard(notifier("a", 2.0, 0, stored={"high": 4.0}), 2.0)
    moments.heard(notifier("a", 4.0, 0, stored={"high": 8.0}), 4.0)
    moments.close(4.0)

    assert moments.now["stored"] == 2.0


def test_a_process_that_began_while_we_listen_is_counted_from_its_beginning() -> None:
    moments = Moments(since=0.0)
    moments.heard(gateway("a", 14.0, began=10.0, pushed={"high": 8.0}), 14.0)
    moments.close(14.0)

    assert moments.now["pushed"] == 2.0


def test_a_clock_that_is_set_back_costs_a_moment_and_no_more() -> None:
    moments = Moments(since=0.0)
    for at, count in ((100.0, 0.0), (10.0, 4.0), (12.0, 8.0)):
        moments.heard(gateway("a", at, pushed={"high": count}), 200.0)
    moments.close(200.0)

    assert moments.now["pushed"] == 2.0


def test_who_comes_back_after_being_forgotten_is_not_counted_from_the_beginning() -> None:
    moments = Moments(since=0.0)
    moments.heard(gateway("a", 2.0, began=1.0, pushed={"high": 8.0}), 2.0)
    moments.close(2000.0)
    moments.heard(gateway("a", 2001.0, began=1.0, pushed={"high": 9000.0}), 2001.0)
    moments.close(2002.0)

    assert moments.now["pushed"] == 0.0
    assert service(moments, "ws-gateway")["processes"] == 1


def test_latencies_of_all_gateways_are_one_distribution() -> None:
    moments = Moments(since=0.0)
    for process in ("a", "b"):
        moments.heard(gateway(process, 0.0, latency=NONE), 0.0)
    fast = {"critical": [(0.01, 50.0), (0.1, 50.0), (None, 50.0)]}
    slow = {"critical": [(0.01, 0.0), (0.1, 50.0), (None, 50.0)]}
    moments.heard(gateway("a", 2.0, latency=fast), 2.0)
    moments.heard(gateway("b", 2.0, latency=slow), 2.0)
    told = moments.close(2.0)

    assert told["points"][0]["latency"] == {"critical": (100, 10.0, 98.2)}
    assert (lane(moments)["count"], lane(moments)["p99_ms"]) == (100, 98.2)
    assert moments.close(4.0)["points"][0]["latency"] == {}, "a moment without any has no latency"
    assert lane(moments)["count"] == 100, "the last minute has"


@pytest.mark.parametrize(
    ("buckets", "share", "expected_ms"),
    [
        ([(0.01, 4.0), (0.02, 8.0), (None, 8.0)], 0.5, 10.0),
        ([(0.01, 4.0), (0.02, 8.0), (None, 8.0)], 0.75, 15.0),
        ([(0.01, 0.0), (0.02, 0.0), (None, 5.0)], 0.99, 20.0),
        ([(0.01, 1.0), (None, 1.0)], 0.5, 5.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(buckets: Buckets, share: float, expected_ms: float) -> None:
    assert quantile_ms(buckets, share) == expected_ms


def test_a_lanes_depth_is_what_waits_at_the_broker_and_what_is_in_hand() -> None:
    moments = Moments(since=0.0)
    moments.heard(notifier("a", 0.0, 900, in_hand={"critical": 500}), 0.0)
    moments.heard(notifier("b", 1.0, 700, in_hand={"critical": 300}), 1.0)
    moments.close(1.0)

    assert lane(moments)["depth"] == 700 + 800


def test_a_lane_ages_while_it_stands_still_and_is_as_old_as_what_it_stores() -> None:
    moments = Moments(since=0.0)
    moments.heard(notifier("a", 0.0, 0, in_hand={"critical": 0}, lag={"critical": (1.0, 10)}), 0.0)
    moments.heard(notifier("a", 2.0, 9, in_hand={"critical": 0}, lag={"critical": (5.0, 12)}), 2.0)
    moments.close(2.0)
    assert lane(moments)["age_s"] == 2.0
    moments.heard(notifier("a", 5.0, 9, in_hand={"critical": 0}, lag={"critical": (5.0, 12)}), 5.0)
    moments.close(5.0)
    assert lane(moments)["age_s"] == 5.0
    moments.heard(notifier("a", 7.0, 0, in_hand={"critical": 0}, lag={"critical": (5.0, 12)}), 7.0)
    moments.close(7.0)
    assert lane(moments)["age_s"] == 0.0


def test_who_has_fallen_silent_is_said_to_be_and_what_only_it_knows_is_unknown() -> None:
    moments = Moments(since=0.0)
    moments.heard(notifier("a", 0.0, 4, in_hand={"critical": 0}), 0.0)
    moments.heard(gateway("g", 0.0), 0.0)
    moments.close(1.0)
    assert moments.now["gateways"] == [{"process": "g", "tabs": 1, "users": 1}]
    moments.heard(gateway("g", 60.0), 60.0)
    moments.close(60.0)

    silent, heard = service(moments, "notifier"), service(moments, "ws-gateway")
    assert (silent["processes"], silent["silent_s"]) == (0, 60)
    assert (silent["parked"], silent["dead"]) == (None, None)
    assert (heard["processes"], heard["silent_s"]) == (1, 0)
    assert (lane(moments)["depth"], lane(moments)["age_s"]) == (None, None)


def test_who_has_been_silent_for_hours_is_still_missed_and_so_is_who_was_never_heard() -> None:
    moments = Moments(since=0.0)
    moments.heard(notifier("a", 0.0, 4), 0.0)
    for at in (0.0, 1000.0, 9000.0):
        moments.close(at)

    assert [each["service"] for each in moments.now["services"]] == sorted(SERVICES)
    assert service(moments, "notifier")["silent_s"] == 9000
    assert service(moments, "credit") == {
        "service": "credit",
        "processes": 0,
        "parks": True,
        "parked": None,
        "dead": None,
        "silent_s": None,
    }


def test_what_one_process_cannot_count_another_can() -> None:
    moments = Moments(since=0.0)
    moments.heard(notifier("a", 0.0, 0), 0.0)
    moments.heard(notifier("b", 1.0, 0).model_copy(update={"parked": None}), 1.0)
    moments.close(1.0)

    assert (service(moments, "notifier")["parked"], service(moments, "notifier")["dead"]) == (2, 3)


def test_only_who_consumes_can_have_parked_anything() -> None:
    moments = Moments(since=0.0)
    moments.close(1.0)

    assert {each["service"] for each in moments.now["services"] if not each["parks"]} == {
        "verification",
        "ws-gateway",
    }


def test_who_comes_now_gets_fifteen_minutes_and_no_more() -> None:
    moments = Moments(since=0.0)
    for n in range(KEPT + 10):
        moments.close(n * EVERY_SECONDS)

    points = moments.so_far()["points"]
    assert len(points) == KEPT
    assert points[-1]["at"] - points[0]["at"] == 15 * 60 - EVERY_SECONDS
