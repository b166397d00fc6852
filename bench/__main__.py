"""`python -m bench`: every row, or the one that is named; the table goes to stdout and to results.md."""

from __future__ import annotations

import asyncio
import resource
import sys
import time

from bench import report
from bench.neighbours import Neighbours
from bench.rows import debit_outage, delivery, latency, long_history, memory, takeover, throughput, top_up
from bench.stage import open_stage

ROWS = {
    "latency": latency.run,
    "top_up": top_up.run,
    "throughput": throughput.run,
    "delivery": delivery.run,
    "memory": memory.run,
    "debit_outage": debit_outage.run,
    "takeover": takeover.run,
    "long_history": long_history.run,
}


async def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted and wanted not in ROWS:
        sys.exit(f"no row {wanted!r}; there are: {', '.join(ROWS)}")
    # Gateways inherit it: 5,000 tabs need as many descriptors.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    verdicts, neighbours = [], Neighbours()
    async with open_stage() as stage:
        machine = await report.machine(stage)
        for name in [wanted] if wanted else ROWS:
            began = time.monotonic()
            verdicts += await ROWS[name](stage)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        machine += f" Other programs took {neighbours.share():.0%} of it meanwhile."
    print(machine)
    print(report.table(verdicts))
    if not wanted:
        report.write(verdicts, machine)


if __name__ == "__main__":
    asyncio.run(main())
