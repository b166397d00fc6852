"""Debits over HTTP by many callers at once, all on one account and on 10,000: how many, how slow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from bench.child import Child
from bench.figures import Verdict, at_least_times, compare, compared, percentile
from bench.peers.tills import PEERS, Till
from bench.plots import Percentiles
from bench.stage import Stage
from bench.turns import take_turns

ACCOUNTS = {"one account": 1, "10,000 accounts": 10_000}
CALLERS = 32
SECONDS = 3.0
WARM_UP_SECONDS = 1.0
AT_LEAST = 0.6


class Counter(Protocol):
    """Product, floor or peer: what is asked for debits."""

    @property
    def credit_address(self) -> tuple[str, int]: ...

    def tokens(self, users: Sequence[str]) -> dict[str, str]: ...

    async def booked(self) -> int: ...


@dataclass
class Subject:
    """Who answers, its callers, and how many debits they were told are booked."""

    counter: Counter
    callers: Child
    accepted: int = 0

    async def debit(self, accounts: int, seconds: float) -> Answers:
        answer = await self.callers.ask("debit", accounts=accounts, seconds=seconds, callers=CALLERS)
        self.accepted += len(answer["took_ms"])
        return Answers(answer["took_ms"], answer["seconds"])

    async def check(self) -> None:
        """Raises AssertionError unless just those are booked that were said to be."""
        booked = await self.counter.booked()
        assert booked == self.accepted, f"{self.accepted} debits were accepted, {booked} are booked"


@dataclass(frozen=True)
class Answers:
    took_ms: list[float]
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.took_ms) / self.seconds


async def run(stage: Stage) -> list[Verdict]:
    users = [f"payer-{number}" for number in range(max(ACCOUNTS.values()))]
    verdicts = []
    async with AsyncExitStack() as exits:
        # Without what comes behind it: floor and peers have nothing there either.
        product = await exits.enter_async_context(stage.product([], ["credit"]))
        await product.fund(users)
        tills = [Till("floor", "bench.floor.debit:app", stage.servers, users)]
        tills += [Till(name, app, stage.servers, users) for name, app in PEERS.items()]
        subjects = []
        counters: list[Counter] = [product]
        counters += [await exits.enter_async_context(till) for till in tills]
        for counter in counters:
            host, port = counter.credit_address
            tokens = list(counter.tokens(users).values())
            callers = Child("bench.callers", {"host": host, "port": port, "tokens": tokens})
            subjects.append(Subject(counter, await exits.enter_async_context(callers)))
        for which, accounts in ACCOUNTS.items():

            async def debit(subject: Subject, accounts: int = accounts) -> Answers:
                return await subject.debit(accounts, SECONDS)

            for subject in subjects:
                await subject.debit(accounts, WARM_UP_SECONDS)
            verdicts += _judge(which, await take_turns(debit, *subjects))
        for subject in subjects:
            await subject.check()
    return verdicts


def _judge(which: str, answers: list[list[Answers]]) -> list[Verdict]:
    row = f"debits over HTTP, {CALLERS} callers, {which}"
    rates = compare(answers, lambda its: its.rate, "/s", digits=0, peers=list(PEERS))
    p99s = compare(answers, lambda its: percentile(its.took_ms, 0.99), "ms", peers=list(PEERS))
    latencies = [[ms for repetition in its for ms in repetition.took_ms] for its in answers]
    plot = Percentiles(row, dict(zip(["product", "floor", *PEERS], latencies, strict=True)))
    return [at_least_times(row, rates, AT_LEAST).with_plot(plot), compared(f"{row}, p99", p99s)]
