"""The table of runs says of which commit each is, and does not call green what is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.results import page

Run = dict[str, Any]


@pytest.fixture
def run() -> Run:
    return {
        "order": {"seed": 7, "minutes": 2.0},
        "commit": "4de4050-dirty",
        "operations": 2_341,
        "tabs": 224,
        "frames": 20_116,
        "faults": {"kill": {"ok": 3, "fail": 1}},
        "lost": 0,
        "doubled": 0,
        "leaked": 0,
        "stuck": 0,
        "unknown": [],
    }


def row(run: Run) -> str:
    return page([run]).splitlines()[-1]


def test_a_run_has_its_figures_and_its_commit(run: Run) -> None:
    assert row(run) == "| 7 | 2 | 2,341 | 224 | 20,116 | 3 | 0 | 0 | 0 | 0 | 4de4050-dirty |"
    assert "too little happened" not in page([run])


def test_an_unknown_run_is_not_green(run: Run) -> None:
    unknown = run | {"unknown": ["there were no faults"], "lost": 2}
    assert row(unknown) == "| 7 | 2 | 2,341 | 224 | 20,116 | 3 | 2 | ? | ? | ? | 4de4050-dirty |"
    assert "Of 1 nothing can be said, as too little happened" in page([run, unknown])
