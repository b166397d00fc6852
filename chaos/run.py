"""One run: load, faults, heal, drain, read all; then the verdict, and what is kept of it."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import orjson

from chaos.checkers.receipts import answerable
from chaos.drain import waiting
from chaos.faults import FAULTS
from chaos.history import History, Record
from chaos.nemesis import Nemesis, heal
from chaos.reading import read_final, read_resources
from chaos.tabs import WitnessTab
from chaos.verdict import Verdict, judge
from chaos.world import World, opened
from ledgerbell.stack import Adapt
from shared.testing.waiting import until

PEACE_SECONDS = 10.0  # Load alone, before the first fault.
LONGEST_FAULT_SECONDS = 8.0  # In a run of two minutes; a longer one has more time for each, up to:
LONGEST_STOP_SECONDS = 90.0
DRAIN_SECONDS = 90.0  # After two minutes or more; sooner after less:
SHORTEST_DRAIN_SECONDS = 45.0
READ_AT_ONCE = 8
READ_SECONDS = 20
# What the broker loses comes by recap and repair, which would hide what others lose: on for these alone.
LOSSY = {"queue-purge", "queue-anew", "binding-gone"}
RECAP_SECONDS = 15.0


def drawn(seed: int) -> tuple[str, ...]:
    """All faults, and with every odd seed all but those that only recap and repair make good."""
    return tuple(name for name in FAULTS if seed % 2 == 0 or name not in LOSSY)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done; the same order breaks the same things in the same order.

    No ``faults``: those that are ``drawn`` with the seed.
    """

    seed: int
    minutes: float = 2.0
    faults: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.faults:
            object.__setattr__(self, "faults", drawn(self.seed))

    @property
    def command(self) -> str:
        """Which runs it again."""
        chosen = "" if set(self.faults) == set(drawn(self.seed)) else f" FAULTS={','.join(self.faults)}"
        return f"make chaos SEED={self.seed} MINUTES={self.minutes:g}{chosen}"

    @property
    def recap_after_seconds(self) -> float | None:
        return RECAP_SECONDS if LOSSY.intersection(self.faults) else None

    @property
    def longest_fault_seconds(self) -> float:
        return min(LONGEST_STOP_SECONDS, LONGEST_FAULT_SECONDS * max(1.0, self.minutes / 4))

    @property
    def drain_seconds(self) -> float:
        return min(DRAIN_SECONDS, max(SHORTEST_DRAIN_SECONDS, DRAIN_SECONDS * self.minutes / 2))


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    folder: Path
    summary: Mapping[str, Any] = field(repr=False)


async def run(order: Order, folder: Path, adapt: Adapt | None = None) -> Outcome:
    """History, log and summary are kept in ``folder``. ``adapt`` plants something in the services."""
    began, commit = monotonic(), _commit()
    with History(folder / "history.jsonl") as history:
        parameters = {
            "seed": order.seed,
            "minutes": order.minutes,
            "faults": list(order.faults),
            "drain_seconds": order.drain_seconds,
        }
        history.add("run", "run", "info", "", parameters)
        async with opened(
            folder,
            history,
            order.seed,
            longest_seconds=order.longest_fault_seconds,
            recap_after_seconds=order.recap_after_seconds,
            adapt=adapt,
        ) as world:
            await _live_through(world, order)
            final = await read_final(world.stack)
            done = {"done": dict(world.workload.done), "given_up": dict(world.workload.given_up)}
    verdict = judge(history.records, final)
    summary = {
        "order": asdict(order),
        "commit": commit,
        "seconds": round(monotonic() - began),
        "operations": verdict.operations,
        "faults": faults_by_outcome(history.records),
        **{name: getattr(verdict, name) for name in ("lost", "doubled", "leaked", "stuck")},
        "findings": [str(finding) for finding in verdict.findings],
        "unknown": list(verdict.unknown),
        "workload": done,
        "tabs": len(world.tabs),
        "frames": sum(record.f == "frame" for record in history.records),
        "answerable": answerable(history.records, final),
        "checkpoints": final.audit.checkpoints if final.audit else 0,
    }
    (folder / "summary.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    return Outcome(verdict, folder, summary)


def _commit() -> str:
    """Of what runs here, ``-dirty`` where it has been changed since; empty where there is no repository."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]  # Without a tag: the hash alone.
    told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)  # noqa: S603  # Our own command.
    return told.stdout.strip()


async def _live_through(world: World, order: Order) -> None:
    def phase(name: str) -> None:
        world.history.add("run", "phase", "info", name)

    ending = asyncio.Event()
    phase("load")
    load = asyncio.create_task(world.workload.run(ending))
    try:
        await asyncio.sleep(PEACE_SECONDS)
        # Not sooner: the broker's own figures are some seconds old.
        resources = asdict(await read_resources(world.stack))
        world.history.add("run", "resources", "info", "", resources)
        phase("faults")
        nemesis = Nemesis(world, {name: FAULTS[name] for name in order.faults}, order.seed)
        await nemesis.rage(order.minutes * 60 - PEACE_SECONDS)
    finally:
        ending.set()
    await heal(world)
    await load
    phase("heal")
    await _drain(world, order.drain_seconds)
    phase("drained")
    await _read_all(world.tabs)
    phase("read")


async def _drain(world: World, within_seconds: float) -> None:
    """What does not come to its end in time is found by the checker."""
    left: list[str] = []

    async def nothing_waits() -> bool:
        left[:] = await waiting(world)
        return not left

    try:
        await until(nothing_waits, within_seconds=within_seconds, every_seconds=1)
    except TimeoutError:
        world.history.add("run", "waiting", "info", "", {"left": left})


async def _read_all(tabs: Sequence[WitnessTab]) -> None:
    slots = asyncio.Semaphore(READ_AT_ONCE)

    async def read(tab: WitnessTab) -> None:
        async with slots:
            await tab.read(http)

    async with httpx.AsyncClient(trust_env=False, timeout=READ_SECONDS) as http, asyncio.TaskGroup() as group:
        for tab in tabs:
            group.create_task(read(tab))


def faults_by_outcome(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """How often each fault was injected, and how often its moment did not come."""
    outcomes: dict[str, Counter[str]] = {}
    for record in records:
        if record.process == "nemesis" and record.type != "invoke":
            outcomes.setdefault(record.f, Counter())[record.type] += 1
    return {name: dict(counts) for name, counts in sorted(outcomes.items())}
