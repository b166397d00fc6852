"""Figures say what was measured, and a ratio is not moved by what slows both."""

from __future__ import annotations

import pytest

from bench.figures import (
    Figure,
    Figures,
    Verdict,
    at_least_times,
    at_most,
    at_most_times,
    compare,
    percentile,
)
from bench.turns import take_turns


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]

    assert percentile(values, 0.50) == 51
    assert percentile(values, 0.99) == 100
    assert percentile([7.0], 0.99) == 7


def test_a_ratio_compares_neighbours_so_that_a_slow_minute_cancels_out() -> None:
    product = Figure((2.0, 20.0, 200.0), "ms")
    floor = Figure((1.0, 10.0, 100.0), "ms")

    assert product.over(floor) == 2


def test_a_figure_shows_how_far_its_repetitions_lay_apart() -> None:
    assert str(Figure((3.0, 1.0, 1200.0), "ms")) == "3.0 ms (1.0 to 1,200.0)"


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (at_most_times("row", Figures(Figure((3.0,), "ms"), Figure((2.0,), "ms")), 1.5), "met"),
        (at_most_times("row", Figures(Figure((3.1,), "ms"), Figure((2.0,), "ms")), 1.5), "short"),
        (at_least_times("row", Figures(Figure((7.0,), "/s"), Figure((10.0,), "/s")), 0.7), "met"),
        (at_least_times("row", Figures(Figure((6.9,), "/s"), Figure((10.0,), "/s")), 0.7), "short"),
        (at_most("row", Figures(Figure((18.1,), "µs"), Figure((10.0,), "µs")), 18), "short"),
    ],
)
def test_a_verdict_is_as_strict_as_its_target(verdict: Verdict, word: str) -> None:
    assert verdict.word == word


async def test_all_take_turns_and_who_goes_first_alternates() -> None:
    order: list[str] = []

    async def measure(subject: str) -> str:
        order.append(subject)
        return subject

    results = await take_turns(measure, "product", "floor", "peer", repetitions=3)

    there, back = ["product", "floor", "peer"], ["peer", "floor", "product"]
    assert order == there + back + there
    assert results == [["product"] * 3, ["floor"] * 3, ["peer"] * 3]


def test_each_repetition_is_its_own_subjects() -> None:
    its = compare([[1, 3], [2, 4], [5, 7], [6, 8]], float, "ms", peers=["ws", "socket.io"])

    assert its.product.values == (1, 3)
    assert its.floor.values == (2, 4)
    assert {name: peer.values for name, peer in its.peers.items()} == {"ws": (5, 7), "socket.io": (6, 8)}
