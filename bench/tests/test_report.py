"""The table has a line for every peer, and a row its picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.figures import Figure, Figures, Verdict, at_most, at_most_times
from bench.plots import Growth, Percentiles, Plot, draw
from bench.report import table

MEASURED = Figures(
    Figure((2.0, 4.0), "ms"),
    Figure((1.0, 2.0), "ms"),
    {"ws": Figure((3.0, 6.0), "ms"), "socket.io": Figure((20.0, 40.0), "ms")},
)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_peer_stands_in_a_line_of_its_own_with_its_distance_from_the_product() -> None:
    headings, _, first, second = map(cells, table([at_most_times("delivery", MEASURED, 3)]).splitlines())

    assert headings == ["row", "product", "floor", "peer", "ratio", "target", ""]
    assert first[0] == "delivery"
    assert first[3:] == ["ws: 4.5 ms (3.0 to 6.0), 1.50×", "2.00×", "≤ 3×", "met"]
    assert second == ["", "", "", "socket.io: 30.0 ms (20.0 to 40.0), 10.00×", "", "", ""]


@pytest.mark.parametrize(
    "plot",
    [
        Percentiles("latency", {"product": [1.0, 2.0, 3.0], "floor": [1.0], "ws": [5.0, 9.0]}),
        Growth("memory", "tabs", "MB", {"product": [(0, 0), (10, 3)], "floor": [(0, 0), (10, 1)]}),
    ],
)
def test_a_rows_picture_names_everybody_in_it(plot: Plot, tmp_path: Path) -> None:
    file = tmp_path / "row.svg"

    assert draw([at_most("row", MEASURED, 1).with_plot(plot)], file)

    names = plot.latencies_ms if isinstance(plot, Percentiles) else plot.curves
    said = "".join(ElementTree.parse(file).getroot().itertext())  # noqa: S314  # We have just made it.
    assert all(name in said for name in [plot.title, *names])


def test_a_row_without_a_plot_of_its_own_shows_its_repetitions(tmp_path: Path) -> None:
    file = tmp_path / "row.svg"

    assert draw([at_most("a row of figures", MEASURED, 1)], file)

    said = file.read_text()
    assert all(name in said for name in ["a row of figures", "product", "floor", "ws", "socket.io"])


def test_words_make_no_picture(tmp_path: Path) -> None:
    assert not draw([Verdict("row", "quick")], tmp_path / "row.svg")
    assert not list(tmp_path.iterdir())
