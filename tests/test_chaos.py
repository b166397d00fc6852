"""Two minutes in which everything breaks that can: nothing is lost, doubled, leaked or stuck afterwards."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from chaos.__main__ import RED
from chaos.bugs import PATCHES
from chaos.run import Order, run
from shared.testing.planting import ROOT, plant

SEED = 20261125


@pytest.mark.servers  # Its own, to be broken.
@pytest.mark.timeout(900)
async def test_two_minutes_of_chaos_lose_nothing(tmp_path: Path) -> None:
    outcome = await run(Order(SEED), tmp_path)

    assert outcome.verdict.unknown == ()
    assert [str(finding) for finding in outcome.verdict.findings] == [], outcome.verdict.line


@pytest.mark.servers  # Its own, to be broken.
@pytest.mark.timeout(600)
async def test_a_relay_that_marks_before_it_publishes_is_found_by_killing_the_broker(tmp_path: Path) -> None:
    """`python -m chaos.bugs` does it with each bug and more seeds, for an hour."""
    order = ["--seed", "1", "--minutes", "0.4", "--faults", "broker-kill", "--into", str(tmp_path / "run")]
    planted = plant(PATCHES["mark-before-publish"], tmp_path / "copy")

    chaos = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chaos", *order, cwd=ROOT, env=planted, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await chaos.communicate()

    assert chaos.returncode == RED, said.decode()
    assert re.search(r"\blost [1-9]", said.decode().splitlines()[-1])
