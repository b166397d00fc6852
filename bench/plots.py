"""A picture for each row: latencies as percentiles, growth as curves, all else as its repetitions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.figures import Figure, Verdict, percentile

WIDTH_INCHES = 6.4
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    # The same figures make the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "ledgerbell",
}
COLOURS = {"product": "#1f5fbf", "floor": "#8a8f98"}
PEER_COLOURS = ("#d1495b", "#e08e0b", "#2e8b57", "#7a4fa3", "#4b93a6")
# Each halving of what is slower gets the same room, up to the slowest one in 200.
HALVINGS = [number / 20 for number in range(154)]
SHARES = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99)
WIDE = 15  # Figures that lie further apart than this are drawn by their logarithm.


@dataclass(frozen=True)
class Percentiles:
    """Latencies in milliseconds, of each subject by its name."""

    title: str
    latencies_ms: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Growth:
    """How y grows with x, for each subject by its name."""

    title: str
    x: str
    y: str
    curves: Mapping[str, Sequence[tuple[float, float]]]


Plot = Percentiles | Growth


def draw(verdicts: Sequence[Verdict], file: Path) -> bool:
    """One row's picture as SVG; False where there is nothing to be seen, only words."""
    panels = [_panel(verdict.plot) for verdict in verdicts if verdict.plot is not None]
    panels = panels or [
        _repetitions(verdict.row, verdict.product, verdict)
        for verdict in verdicts
        if isinstance(verdict.product, Figure)
    ]
    if not panels:
        return False
    with mpl.rc_context(STYLE):
        height = sum(inches for _, inches in panels)
        canvas = Canvas(figsize=(WIDTH_INCHES, height + 0.3), layout="constrained")
        every = canvas.subplots(
            len(panels), squeeze=False, gridspec_kw={"height_ratios": [inches for _, inches in panels]}
        )
        for (paint, _), axes in zip(panels, every[:, 0], strict=True):
            paint(axes)
        file.parent.mkdir(exist_ok=True, parents=True)
        canvas.savefig(file, format="svg", metadata={"Date": None})
    return True


Panel = tuple[Callable[[Axes], None], float]


def _panel(plot: Plot) -> Panel:
    if isinstance(plot, Percentiles):
        return lambda axes: _percentiles(axes, plot), 2.8
    return lambda axes: _growth(axes, plot), 2.8


def _percentiles(axes: Axes, plot: Percentiles) -> None:
    for name, colour in _colours(list(plot.latencies_ms)).items():
        values = plot.latencies_ms[name]
        axes.plot(
            HALVINGS,
            [percentile(values, 1 - 0.5**halvings) for halvings in HALVINGS],
            color=colour,
            label=name,
        )
    axes.set(title=plot.title, ylabel="ms", yscale="log")
    axes.set_xticks([_tail(share) for share in SHARES], [f"p{share * 100:g}" for share in SHARES])
    _plain(axes.yaxis)
    axes.legend()


def _tail(share: float) -> float:
    """How often what lies beyond was halved."""
    return -math.log2(1 - share)


def _growth(axes: Axes, plot: Growth) -> None:
    for name, colour in _colours(list(plot.curves)).items():
        x, y = zip(*plot.curves[name], strict=True)
        axes.plot(x, y, color=colour, label=name, marker="o", markersize=3)
        if min(x) > 0 and max(x) / min(x) > WIDE:
            axes.set_xscale("log")
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend()


def _repetitions(title: str, product: Figure, verdict: Verdict) -> Panel:
    """A dot for each repetition, a line at the median."""
    its = {"product": product}
    if isinstance(verdict.floor, Figure):
        its["floor"] = verdict.floor
    its |= verdict.peers

    def paint(axes: Axes) -> None:
        for place, (name, colour) in enumerate(_colours(list(its)).items()):
            values = its[name].values
            axes.plot(values, [place] * len(values), "o", color=colour, markersize=4, alpha=0.6)
            axes.plot([its[name].median] * 2, [place - 0.35, place + 0.35], color=colour, linewidth=2)
        axes.set_yticks(range(len(its)), list(its))
        axes.set(title=title, ylim=(len(its) - 0.5, -0.5), xlabel=product.unit)
        every = [value for figure in its.values() for value in figure.values]
        if min(every) > 0 and max(every) / min(every) > WIDE:
            axes.set_xscale("log")
            _plain(axes.xaxis)
        else:
            axes.set_xlim(0, max(every) * 1.05 or 1)

    return paint, 0.75 + 0.22 * len(its)


def _colours(names: Sequence[str]) -> dict[str, str]:
    peers = iter(PEER_COLOURS)
    return {name: COLOURS.get(name) or next(peers) for name in names}


def _plain(axis: Axis) -> None:
    """What is read is 20, not 2 × 10¹, wherever on a logarithm's axis it is."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())
