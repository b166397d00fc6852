"""What `ledgerbell coverage` prints is why it ends as it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledgerbell.coverage import table
from notifier.adapters.coverage import Figures, KindFigures
from notifier.api.coverage import STALE, CoverageView


def said(until: datetime | None, *, missing: int = 0) -> list[str]:
    """The last lines, of what the notifier answers where every transfer is shown."""
    figures = Figures([KindFigures("deduction", 7, 0)], None, missing, until)
    answer = CoverageView.of(figures, []).model_dump(mode="json")
    lines = list(table(answer))
    assert "100.0 %" in lines[2]
    return lines[3:]


def test_a_ledger_that_says_nothing_any_more_is_named_as_why_it_is_not_complete() -> None:
    until = datetime.now(UTC) - STALE - timedelta(seconds=1)
    at = until.isoformat().replace("+00:00", "Z")

    assert said(until) == [
        f"The ledger has not stated itself since {at}; what was booked later is not known."
    ]
    assert said(until, missing=1) == [
        "1 statements of the ledger are missing, and are asked for",
        f"known until {at}",
    ]


@pytest.mark.parametrize(
    ("until", "line"),
    [(datetime.now(UTC) + timedelta(hours=1), "known until 2"), (None, "the ledger has stated nothing yet")],
)
def test_a_ledger_that_states_itself_is_known_until_then(until: datetime | None, line: str) -> None:
    [found] = said(until)
    assert found.startswith(line)
