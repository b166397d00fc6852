"""Two minutes in which everything breaks that can: nothing is lost, doubled, leaked or stuck afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.run import Order, run

SEED = 20261125


@pytest.mark.servers  # Its own, to be broken.
@pytest.mark.timeout(900)
async def test_two_minutes_of_chaos_lose_nothing(tmp_path: Path) -> None:
    outcome = await run(Order(SEED), tmp_path)

    assert outcome.verdict.unknown == ()
    assert [str(finding) for finding in outcome.verdict.findings] == [], outcome.verdict.line
