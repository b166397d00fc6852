"""`python -m bench`: every row, or the one that is named; the table goes to stdout.

Every row's table and pictures go to results.md and plots/; one row's picture goes to .local/bench/plots/.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from bench import report
from bench.figures import Verdict
from bench.neighbours import Neighbours
from bench.plots import draw
from bench.rows import (
    broadcast,
    comeback,
    connects,
    debit,
    debit_outage,
    delivery,
    flags,
    growth,
    lanes,
    latency,
    long_history,
    memory,
    proof,
    relay,
    soak,
    store,
    takeover,
    throughput,
    top_up,
)
from bench.stage import Stage, open_stage

ROWS: dict[str, Callable[[Stage], Awaitable[list[Verdict]]]] = {
    "latency": latency.run,
    "top_up": top_up.run,
    "flags": flags.run,
    "throughput": throughput.run,
    "proof": proof.run,
    "relay": relay.run,
    "store": store.run,
    "lanes": lanes.run,
    "delivery": delivery.run,
    "broadcast": broadcast.run,
    "memory": memory.run,
    "connects": connects.run,
    "comeback": comeback.run,
    "growth": growth.run,
    "debit": debit.run,
    "debit_outage": debit_outage.run,
    "takeover": takeover.run,
    "long_history": long_history.run,
    "soak": soak.run,
}
BY_TABS = {"delivery": delivery.run, "memory": memory.run}
PICTURES = Path(".local/bench/plots")


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("row", nargs="?", choices=ROWS, help="this one only")
    parser.add_argument("--tabs", type=int, help=f"as many of them ({', '.join(BY_TABS)})")
    parser.add_argument("--minutes", type=float, help="so long (soak)")
    asked = parser.parse_args()
    if asked.tabs and asked.row not in BY_TABS:
        parser.error(f"--tabs is for one of: {', '.join(BY_TABS)}")
    if asked.minutes and asked.row != "soak":
        parser.error("--minutes is for soak")
    wanted = {asked.row: ROWS[asked.row]} if asked.row else dict(ROWS)
    if asked.tabs:
        wanted[asked.row] = partial(BY_TABS[asked.row], tabs=asked.tabs)
    if asked.minutes:
        wanted[asked.row] = partial(soak.run, minutes=asked.minutes)
    # Gateways inherit it: 5,000 tabs need as many descriptors.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows, neighbours = {}, Neighbours()
    async with open_stage() as stage:
        machine = await report.machine(stage)
        for name, run in wanted.items():
            began = time.monotonic()
            rows[name] = await run(stage)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            meanwhile = f"{machine} Other programs took {neighbours.share():.0%} of it meanwhile."
            if not asked.row:  # Also of a run that is broken off later.
                report.write(rows, meanwhile)
    print(meanwhile)
    print(report.table([verdict for verdicts in rows.values() for verdict in verdicts]))
    if asked.row and draw(rows[asked.row], picture := PICTURES / f"{asked.row}.svg"):
        print(picture)


if __name__ == "__main__":
    asyncio.run(main())
