"""A pipeline with tabs on it: debits go in, every one of them must come out on every tab, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Protocol

import psutil

from bench.child import Child
from bench.tabs import Gateway

ARRIVE_SECONDS = 60.0


class Pipeline(Protocol):
    """Product or floor, running."""

    name: str

    async def __aenter__(self) -> Pipeline: ...

    async def __aexit__(self, *exception: object) -> None: ...

    @property
    def writer(self) -> Child: ...

    @property
    def gateway_pid(self) -> int: ...

    @property
    def pids(self) -> dict[str, int]:
        """The processes an event passes, by what they do."""

    def entrance(self) -> Gateway: ...

    def tokens(self, users: Sequence[str]) -> dict[str, str]: ...

    async def fresh_gateway(self) -> None:
        """Replaces the gateway's process; open tabs are lost."""

    async def check(self, debits: int) -> None:
        """Raises AssertionError unless each debit was stored and notified exactly once."""


@dataclass(frozen=True)
class Run:
    """What became of some debits: when each was committed, and when tabs saw it."""

    commits: dict[str, int]
    arrivals: list[tuple[str, int]]

    @property
    def latencies_ms(self) -> list[float]:
        return [(arrived - self.commits[transfer]) / 1e6 for transfer, arrived in self.arrivals]

    @property
    def events_per_second(self) -> float:
        """From the first commit to the last arrival."""
        seconds = (max(at for _, at in self.arrivals) - min(self.commits.values())) / 1e9
        return len(self.commits) / seconds


class Rig:
    """One pipeline, its users, and `each` tabs for every user in a load process of its own."""

    def __init__(self, pipeline: Pipeline, users: Sequence[str], each: int) -> None:
        self.pipeline = pipeline
        self.users = list(users)
        self._each = each
        self._tabs = Child("bench.tabs", asdict(pipeline.entrance()))
        self._debits = 0

    async def __aenter__(self) -> Rig:
        await self._tabs.__aenter__()
        try:
            await self.open_tabs()
        except BaseException:
            await self._tabs.stop()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._tabs.stop()

    async def open_tabs(self) -> None:
        await self._tabs.ask("open", tokens=self.pipeline.tokens(self.users), each=self._each)

    async def close_tabs(self) -> None:
        """Raises when a tab saw something wrong, or something that nobody waited for."""
        await self._tabs.ask("close")

    async def steady(self, rate: int, count: int) -> Run:
        """`count` debits, `rate` a second, each its own commit."""
        return await self.arrived(await self._write("steady", rate=rate, count=count))

    async def burst(self, count: int) -> Run:
        """`count` debits as fast as the writer can, as many a commit as there are users."""
        return await self.arrived(await self._write("burst", count=count))

    async def finish(self) -> None:
        """Raises unless every debit of this rig was stored and shown exactly once."""
        await self.close_tabs()
        await self.pipeline.check(self._debits)

    async def arrived(self, commits: dict[str, int]) -> Run:
        """Waits until every tab of their owners has seen these transfers; raises when they do not come."""
        self._debits += len(commits)
        expected = len(commits) * self._each
        answer = await self._tabs.ask("expect", arrivals=expected, timeout_seconds=ARRIVE_SECONDS)
        arrivals = [(transfer, at) for transfer, at in answer["arrivals"]]
        if Counter(transfer for transfer, _ in arrivals) != dict.fromkeys(commits, self._each):
            raise RuntimeError(f"{self.pipeline.name}: tabs saw other transfers than were committed")
        return Run(commits, arrivals)

    async def saw(self, debits: int) -> None:
        """Waits until every tab of their owners has seen so many, whoever made them."""
        self._debits += debits
        await self._tabs.ask("expect", arrivals=debits * self._each, timeout_seconds=ARRIVE_SECONDS)

    async def _write(self, op: str, **how: int) -> dict[str, int]:
        answer = await self.pipeline.writer.ask(op, users=self.users, **how)
        return dict(answer["commits"])


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far."""
    return sum(psutil.Process(pid).cpu_times()[:2])


def cpu_seconds_of_all(pid: int) -> float:
    """The same with everything the process has started, ended ones included."""
    total = 0.0
    process = psutil.Process(pid)
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            total += sum(each.cpu_times()[:4])
    return total


def resident_kb(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1024
