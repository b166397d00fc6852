"""`python -m chaos.bugs`: plants each bug and runs chaos over it, seed by seed; says which runs found it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from chaos.bugs import PATCHES, is_found
from shared.testing.planting import ROOT, plant

NAMES = {0: "green", 1: "red", 2: "unknown"}
ENOUGH = 0.8  # Of the runs of each bug.
LONGEST_SECONDS = 900
FINDINGS_SHOWN = 5


def main() -> int:
    arguments = _arguments()
    found = {bug: [_run(bug, seed, arguments) for seed in arguments.seeds] for bug in arguments.bugs}
    for bug, outcomes in found.items():
        print(f"{bug}: found by {outcomes.count('found')} of {len(outcomes)}")
    return int(any(outcomes.count("found") < ENOUGH * len(outcomes) for outcomes in found.values()))


def _run(bug: str, seed: int, arguments: argparse.Namespace) -> str:
    """Red is found only where a finding is of what the bug breaks."""
    with tempfile.TemporaryDirectory(prefix="ledgerbell-bug-") as scratch:
        # Never among the runs of what is whole.
        into = (arguments.into or Path(scratch, "runs")) / bug
        command = [sys.executable, "-m", "chaos", "--seed", str(seed), "--minutes", f"{arguments.minutes:g}"]
        command += ["--into", str(into)]
        if arguments.faults:
            command += ["--faults", arguments.faults]
        ran = subprocess.run(  # noqa: S603  # Our own command.
            command,
            cwd=ROOT,
            env=plant(PATCHES[bug], Path(scratch, "copy")),
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )
        *lines, last = ran.stdout.splitlines() or [ran.stderr.strip()[-2000:]]
        outcome = NAMES.get(ran.returncode, "broken off") if last.startswith("chaos: ") else "broken off"
        if outcome == "red" and is_found(bug, _newest_findings(into)):
            outcome = "found"
    print(f"{bug}, seed {seed}: {outcome}: {last}", flush=True)
    for line in [line for line in lines if line.startswith(("I", "unknown"))][:FINDINGS_SHOWN]:
        print(f"  {line}", flush=True)
    return outcome


def _newest_findings(into: Path) -> list[str]:
    findings: list[str] = orjson.loads(max(into.glob("*/summary.json")).read_bytes())["findings"]
    return findings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("chaos.bugs", description=__doc__)
    parser.add_argument("bugs", nargs="*", choices=[*PATCHES, []], default=list(PATCHES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--faults", default="", help="names, with commas; all")
    parser.add_argument("--into", type=Path, help="folder for what is kept of the runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
