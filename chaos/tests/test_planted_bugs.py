"""The bugs that a run of chaos has to find can still be planted: `python -m chaos.bugs` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.bugs import PATCHES
from shared.testing.planting import ROOT, plant


def test_there_are_eight() -> None:
    assert len(PATCHES) == 8


@pytest.mark.parametrize("bug", PATCHES)
def test_a_bug_is_planted_where_python_looks_first(bug: str, tmp_path: Path) -> None:
    searched = plant(PATCHES[bug], tmp_path)["PYTHONPATH"].split(":")
    planted = {
        file.relative_to(tmp_path): file.read_text()
        for file in tmp_path.rglob("*.py")
        if file.read_bytes() != (ROOT / file.relative_to(tmp_path)).read_bytes()
    }
    assert planted
    for file, code in planted.items():
        compile(code, file, "exec")
        assert any((tmp_path / file).is_relative_to(folder) for folder in searched[:-1])
