"""The bugs that a run of chaos has to find can still be planted: `python -m chaos.bugs` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.bugs import BROKEN, PATCHES, is_found
from shared.testing.planting import ROOT, plant


def test_there_are_eight_and_of_each_it_is_known_what_it_breaks() -> None:
    assert len(PATCHES) == 8
    assert BROKEN.keys() == PATCHES.keys()


def test_a_bug_is_found_by_what_it_breaks_and_by_nothing_else() -> None:
    elsewhere = ["I1 lost 1 of ada: posted is 1, and the entries sum to 2", "I13 lost 1 of ada: 3 was shown"]
    assert not is_found("trail-afterwards", [])
    assert not is_found("trail-afterwards", elsewhere)
    assert is_found("trail-afterwards", [*elsewhere, "I12 lost 1 of ada: the trail does not know"])


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
