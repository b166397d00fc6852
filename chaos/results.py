"""The table of many runs: how often each fault was injected, and that nothing came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from chaos.faults import FAULTS

KEPT = Path(__file__).parent.parent / ".local" / "chaos"
RESULTS = Path(__file__).parent / "results.md"
COUNTED = ("lost", "doubled", "leaked", "stuck")

INTRODUCTION = """\
# What was broken, and what came of it

Written by `python -m chaos results` from the runs of `make chaos` that were kept. Fifty users with three to
six tabs each move money every way there is, one answered request in ten is sent again, and meanwhile this is
done to processes, broker, database, network, messages, clocks and clients. What was lost, doubled, leaked or
stuck is found by a checker that has only seen what a stranger sees, and what was left at the end.

`make chaos SEED=7` does the same again. A fault is counted if its moment came and it was brought to its end.
"""


def write(kept: Path = KEPT, to: Path = RESULTS) -> None:
    """Raises FileNotFoundError where no run was kept."""
    runs = [orjson.loads(file.read_bytes()) for file in sorted(kept.glob("*/summary.json"))]
    if not runs:
        raise FileNotFoundError(f"no run is kept in {kept}")
    to.write_text(page(runs))


def page(runs: Sequence[dict[str, Any]]) -> str:
    seeds = sorted({run["order"]["seed"] for run in runs})
    minutes = sum(run["order"]["minutes"] for run in runs)
    sums = ", ".join(f"{name} {sum(run[name] for run in runs)}" for name in COUNTED)
    operations = sum(run["operations"] for run in runs)
    frames = sum(run["frames"] for run in runs)
    faults = sum(_injected(run).total() for run in runs)
    unknown = sum(bool(run["unknown"]) for run in runs)
    totals = (
        f"{len(runs)} runs of {minutes:g} minutes in all, {operations:,} operations,"
        f" {frames:,} frames to tabs, {faults:,} faults: **{sums}**. Seeds: {', '.join(map(str, seeds))}."
    )
    if unknown:
        totals += f" Of {unknown} nothing can be said, as too little happened: they have a `?`."
    return f"{INTRODUCTION}\n{totals}\n\n## Faults\n\n{_faults(runs)}\n\n## Runs\n\n{_runs(runs)}\n"


def _runs(runs: Sequence[dict[str, Any]]) -> str:
    """Each is run again by `make chaos SEED=… MINUTES=…`."""
    rows = [
        f"| {run['order']['seed']} | {run['order']['minutes']:g} | {run['operations']:,} |"
        f" {run['tabs']} | {run['frames']:,} | {_injected(run).total()} |"
        f" {' | '.join(_count(run, name) for name in COUNTED)} | {run['commit']} |"
        for run in sorted(runs, key=lambda run: (run["order"]["minutes"], run["order"]["seed"]))
    ]
    names = ["seed", "minutes", "operations", "tabs", "frames", "faults", *COUNTED, "commit"]
    return "\n".join([f"| {' | '.join(names)} |", f"|{'--:|' * len(names)}", *rows])


def _count(run: dict[str, Any], name: str) -> str:
    """That nothing was found says nothing where nothing can be said."""
    return "?" if run["unknown"] and not run[name] else str(run[name])


def _faults(runs: Sequence[dict[str, Any]]) -> str:
    injected = sum(map(_injected, runs), Counter())
    rows = [
        f"| {fault.number} | {fault.name} | {_first_line(fault.inject.__doc__)} | {injected[fault.name]} |"
        for fault in sorted(FAULTS.values(), key=lambda fault: fault.number)
    ]
    return "\n".join(["| | fault | | times |", "|--:|---|---|--:|", *rows])


def _injected(run: dict[str, Any]) -> Counter[str]:
    """Not those whose moment did not come."""
    return Counter({name: outcomes.get("ok", 0) for name, outcomes in run["faults"].items()})


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
