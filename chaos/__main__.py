"""`python -m chaos`: one run. `python -m chaos results`: the table of all runs that were kept."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from time import strftime

import uvloop

from chaos.faults import FAULTS
from chaos.results import KEPT, write
from chaos.run import Order, Outcome, run

GREEN, RED, UNKNOWN = 0, 1, 2
FINDINGS_SHOWN = 40


def main() -> int:
    arguments = _arguments()
    if arguments.results:
        write(arguments.into)
        return GREEN
    order = Order(arguments.seed, arguments.minutes, arguments.faults)
    folder = arguments.into / f"{strftime('%Y%m%d-%H%M%S')}-{order.seed}"
    folder.mkdir(parents=True)
    return tell(order, uvloop.run(run(order, folder)))


def tell(order: Order, outcome: Outcome) -> int:
    """Say what came of it, the verdict last; returns what to exit with."""
    verdict = outcome.verdict
    for name, outcomes in outcome.summary["faults"].items():
        print(f"  {name}: {', '.join(f'{count} {each}' for each, count in outcomes.items())}")
    for finding in verdict.findings[:FINDINGS_SHOWN]:
        print(finding)
    if len(verdict.findings) > FINDINGS_SHOWN:
        print(f"and {len(verdict.findings) - FINDINGS_SHOWN} more in {outcome.folder}/summary.json")
    if not verdict.green:
        print(f"again: {order.command}")
        print(f"history: {outcome.folder}")
    for reason in verdict.unknown:
        print(f"unknown: {reason}")
    print(verdict.line)
    if verdict.red:
        return RED
    return GREEN if verdict.green else UNKNOWN


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("chaos", description=__doc__)
    parser.add_argument("results", nargs="?", choices=["results"], help="write chaos/results.md")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--minutes", type=float, default=2.0, help="of load, most of them with faults")
    parser.add_argument("--faults", type=_names, default=(), help="names, with commas; drawn")
    parser.add_argument("--into", type=Path, default=KEPT, help="folder for what is kept of the run")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in FAULTS]:
        raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
