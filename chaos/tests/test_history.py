"""What was written down is read again, however the run has ended."""

from __future__ import annotations

from pathlib import Path

from chaos.history import History


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    with History(tmp_path / "history") as history:
        history.add("run", "run", "info", value={"seed": 7})
        history.add("user-01", "debit", "invoke", "key", {"amount": "1.50"})
    assert History.load(tmp_path / "history") == history.records
    assert [record.f for record in history.records] == ["run", "debit"]
    assert history.records[0].t <= history.records[1].t


def test_a_line_that_was_broken_off_is_left_out(tmp_path: Path) -> None:
    with History(tmp_path / "history") as history:
        history.add("run", "run", "info")
    with (tmp_path / "history").open("ab") as file:
        file.write(b'{"t":1.5,"process":"user-01","f":"debit","value":{}')
    assert History.load(tmp_path / "history") == history.records
