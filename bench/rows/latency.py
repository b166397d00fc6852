"""From the moment a debit's commit has returned until each of its owner's two tabs has the frame."""

from __future__ import annotations

from bench.figures import Figure, Verdict, at_most_times, compare, percentile
from bench.floor.pipeline import PlainFloor
from bench.peers.faststream_orm.pipeline import FastStreamOrm
from bench.plots import Percentiles
from bench.product.caller import Caller
from bench.product.pipeline import Product
from bench.rig import Rig, Run
from bench.stage import Stage
from bench.turns import take_turns

USERS = 50
TABS_EACH = 2
REPETITIONS = 8
EVENTS_BY_RATE = {20: 30, 200: 200}
P50_AT_MOST, P99_AT_MOST = 1.2, 1.5


async def run(stage: Stage) -> list[Verdict]:
    verdicts = []
    async with stage.rigs(users=USERS, tabs_each=TABS_EACH, floor=PlainFloor, peers=[FastStreamOrm]) as rigs:
        for rig in rigs:
            await rig.steady(200, 200)
        for rate, events in EVENTS_BY_RATE.items():

            async def at_rate(rig: Rig, rate: int = rate, events: int = events) -> Run:
                return await rig.steady(rate, events)

            verdicts += _judge(rate, await take_turns(at_rate, *rigs, repetitions=REPETITIONS))
        verdicts.append(await _from_answer(rigs[0]))
    return verdicts


async def _from_answer(rig: Rig) -> Verdict:
    """What a caller sees: the tab may well be quicker than the answer, so zero is the middle."""
    product = rig.pipeline
    assert isinstance(product, Product)
    caller = Caller(product.credit_address, list(product.tokens(rig.users).values()))
    p50s = []
    for _ in range(REPETITIONS):
        answers = await caller.debit(20, EVENTS_BY_RATE[20])
        run = await rig.arrived({answer.transfer_id: answer.answered_ns for answer in answers})
        p50s.append(percentile(run.latencies_ms, 0.50))
    return Verdict("HTTP answer → tab at 20/s, p50", Figure(tuple(p50s), "ms"))


def _judge(rate: int, runs: list[list[Run]]) -> list[Verdict]:
    peers = [FastStreamOrm.name]
    p50s = compare(runs, lambda run: percentile(run.latencies_ms, 0.50), "ms", peers=peers)
    p99s = compare(runs, lambda run: percentile(run.latencies_ms, 0.99), "ms", peers=peers)
    row = f"commit → tab at {rate}/s"
    latencies = [[ms for run in its for ms in run.latencies_ms] for its in runs]
    plot = Percentiles(row, dict(zip(["product", PlainFloor.name, *peers], latencies, strict=True)))
    return [
        at_most_times(f"{row}, p50", p50s, P50_AT_MOST).with_plot(plot),
        at_most_times(f"{row}, p99", p99s, P99_AT_MOST),
    ]
