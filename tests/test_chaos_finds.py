"""A run of chaos finds what is wrong: else nothing found would mean nothing."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import orjson
import pytest

from chaos.__main__ import RED
from chaos.bugs import PATCHES, is_found
from shared.testing.planting import ROOT, plant


@pytest.mark.servers  # Its own, to be broken.
@pytest.mark.timeout(600)
async def test_a_relay_that_marks_before_it_publishes_is_found_by_killing_the_broker(tmp_path: Path) -> None:
    """`python -m chaos.bugs` does it with each bug and more seeds, for an hour."""
    order = ["--seed", "1", "--minutes", "0.4", "--faults", "broker-kill", "--into", str(tmp_path / "run")]
    bug = "mark-before-publish"
    planted = plant(PATCHES[bug], tmp_path / "copy")

    chaos = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chaos", *order, cwd=ROOT, env=planted, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await chaos.communicate()

    assert chaos.returncode == RED, said.decode()
    assert re.search(r"\blost [1-9]", said.decode().splitlines()[-1])
    [summary] = (tmp_path / "run").glob("*/summary.json")
    findings = orjson.loads(summary.read_bytes())["findings"]
    assert is_found(bug, findings), findings
