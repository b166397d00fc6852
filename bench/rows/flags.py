"""From the commit of the debit that is one too many until its owner's tab shows what is unusual about it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

import asyncpg

from bench.child import Child
from bench.figures import Figure, Verdict, percentile
from bench.plots import Percentiles
from bench.product.pipeline import FOLDER, Product
from bench.rig import ARRIVE_SECONDS
from bench.stage import Stage
from monitor.adapters.rules_file import SHIPPED

SERVICES = ("credit", "monitor", "notifier", "ws-gateway")
COUNT = 5  # Small debits, by the rules as they are shipped: the fifth is flagged, and none after it.
USERS = 200
REPETITIONS = 5
WARM_UP_USERS = 40
RATE = 100
P99_BELOW_MS = 1000.0


async def run(stage: Stage) -> list[Verdict]:
    users = [f"bench-{number}" for number in range(WARM_UP_USERS + REPETITIONS * USERS)]
    async with AsyncExitStack() as exits:
        settings = {"rules_file": str(_alerting())}
        product = await exits.enter_async_context(stage.product(users, SERVICES, settings))
        tabs = await exits.enter_async_context(Child("bench.tabs", asdict(product.entrance())))
        await _flagged(product, tabs, users[:WARM_UP_USERS])
        runs = [
            await _flagged(product, tabs, users[first : first + USERS])
            for first in range(WARM_UP_USERS, len(users), USERS)
        ]
        await product.check(len(users) * COUNT)
    row = f"commit → flagged on the tab at {RATE} events/s"
    p50s, p99s = (Figure(tuple(percentile(run, share) for run in runs), "ms") for share in (0.50, 0.99))
    plot = Percentiles(row, {"product": [ms for run in runs for ms in run]})
    return [
        Verdict(f"{row}, p50", p50s).with_plot(plot),
        Verdict(f"{row}, p99", p99s, target=f"< {P99_BELOW_MS:,.0f} ms", met=p99s.median < P99_BELOW_MS),
    ]


def _alerting() -> Path:
    """All of the rules as they are shipped; the first of them tells the user."""
    file = FOLDER / "rules.toml"
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(SHIPPED.read_text().replace("alert = false", "alert = true", 1))
    return file


async def _flagged(product: Product, tabs: Child, users: list[str]) -> list[float]:
    """Milliseconds, one a user; raises unless each of them saw every debit and one flag, once."""
    await tabs.ask("open", tokens=product.tokens(users), each=1)
    answer = await product.writer.ask("steady", users=_turns(users), rate=RATE, count=len(users) * COUNT)
    # Each user's last debit is the one that is flagged.
    flagged_ns = dict(zip(_turns(users), (committed for _, committed in answer["commits"]), strict=True))
    expected = len(users) * (COUNT + 1)
    seen = await tabs.ask("expect", arrivals=expected, timeout_seconds=ARRIVE_SECONDS)
    owners = await _owners(product)
    shown_ns = {owners[about]: at for about, at in seen["arrivals"] if about in owners}
    assert shown_ns.keys() == flagged_ns.keys(), "not everybody was told, or somebody else"
    await tabs.ask("close")
    return [(at - flagged_ns[user]) / 1e6 for user, at in shown_ns.items()]


def _turns(users: list[str]) -> list[str]:
    """Of so many users at a time each has a turn, so that every fifth debit is somebody's fifth."""
    count = len(users)
    return [users[(step - back) % count] for step in range(count) for back in range(COUNT)]


async def _owners(product: Product) -> dict[str, str]:
    """Whose flag each notification leads to, by its link."""
    monitor = await asyncpg.connect(product.stack.database_url("monitor"))
    try:
        rows = await monitor.fetch("SELECT id, user_id FROM flag")
    finally:
        await monitor.close()
    return {f"/activity/{row['id']}": row["user_id"] for row in rows}
