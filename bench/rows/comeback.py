"""10,000 tabs that lose their gateway at one moment and come back by themselves, each from its cursor."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass

from bench.child import Child
from bench.figures import Figure, Verdict
from bench.plots import Growth
from bench.product.pipeline import Product
from bench.stage import Stage

TABS = 10_000
DEBITED = 500  # Users who spend something while nobody can tell them.
REPETITIONS = 5
WITHIN_SECONDS = 30.0
GIVE_UP_SECONDS = 120.0
SHARES = [share / 20 for share in range(1, 21)]


@dataclass(frozen=True)
class Comeback:
    """Seconds from the kill until each was live, in order; and whom the gateway sent away meanwhile."""

    waited: list[float]
    refused: int


async def run(stage: Stage) -> list[Verdict]:
    users = [f"returner-{number}" for number in range(TABS)]
    async with stage.product(users[:DEBITED]) as product:
        async with Child("bench.returning", asdict(product.entrance())) as tabs:
            await tabs.ask("open", tokens=product.tokens(users), timeout_seconds=GIVE_UP_SECONDS)
            comebacks = [await _kill(product, tabs, users[:DEBITED]) for _ in range(REPETITIONS)]
        await product.check(REPETITIONS * DEBITED)
    last = Figure(tuple(its.waited[-1] for its in comebacks), "s")
    refused = Figure(tuple(float(its.refused) for its in comebacks), "tabs", 0)
    row = f"{TABS:,} tabs back after their gateway was killed"
    return [
        Verdict(
            f"{row}, the last",
            last,
            target=f"≤ {WITHIN_SECONDS:g} s",
            met=last.median <= WITHIN_SECONDS,
            plot=Growth(
                row, "seconds after the kill", "tabs that are live", {"product": _median_curve(comebacks)}
            ),
        ),
        Verdict("· refused on their way", refused, target="none", met=max(refused.values) == 0),
    ]


async def _kill(product: Product, tabs: Child, debited: list[str]) -> Comeback:
    began = time.monotonic()
    product.stack.supervisor.kill("ws-gateway")
    await tabs.ask("lost", timeout_seconds=GIVE_UP_SECONDS)
    answer = await product.writer.ask("burst", users=debited, count=len(debited))
    commits = dict(answer["commits"])
    back = await tabs.ask("back", arrivals=len(commits), timeout_seconds=GIVE_UP_SECONDS)
    seen = Counter(transfer for transfers in back["seen"].values() for transfer in transfers)
    assert seen == dict.fromkeys(commits, 1), "what happened meanwhile was not told once to each"
    assert not back["resets"], f"{back['resets']} cursors were not taken"
    return Comeback([at - began for at in back["live_at"]], sum(back["refusals"].values()))


def _median_curve(comebacks: list[Comeback]) -> list[tuple[float, float]]:
    places = [int(TABS * share) for share in SHARES]
    return [(statistics.median(its.waited[place - 1] for its in comebacks), place) for place in places]
