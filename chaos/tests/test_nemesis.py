"""The nemesis begins what comes to its end in time, and writes down what it could not do."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from chaos.faults import Fault, NotInjected
from chaos.history import History, Record
from chaos.nemesis import Nemesis
from chaos.world import World


async def nothing(_world: World, _target: str, _dice: random.Random) -> None:
    """A fault that is over at once."""


async def never_over(_world: World, _target: str, _dice: random.Random) -> None:
    await asyncio.Event().wait()


async def not_now(_world: World, _target: str, _dice: random.Random) -> None:
    raise NotInjected("its moment did not come")


async def raged(folder: Path, fault: Fault, seconds: float) -> list[Record]:
    with History(folder / "history.jsonl") as history:
        world = SimpleNamespace(history=history, poison=[], longest_seconds=0.01)
        await Nemesis(cast(World, world), {fault.name: fault}, seed=1).rage(seconds)
        return history.records


async def test_what_is_done_and_to_what_is_written_down(tmp_path: Path) -> None:
    begun, over, *_ = await raged(tmp_path, Fault("kill", 1, "all", ("a→b",), nothing, 0), 0.1)

    assert (begun.f, begun.type, begun.key) == ("kill", "invoke", "b")
    assert (over.f, over.type, over.value["chosen"]) == ("kill", "ok", "a→b")


async def test_a_moment_that_does_not_come(tmp_path: Path) -> None:
    _, over, *_ = await raged(tmp_path, Fault("kill", 1, "all", ("a",), not_now, 0), 0.1)

    assert over.type == "fail"


async def test_what_lingers_ends_with_the_time(tmp_path: Path) -> None:
    _, over, *_ = await raged(tmp_path, Fault("replicas", 1, "all", ("a",), never_over, 0.05), 0.2)

    assert over.type == "fail"
    assert over.value["error"] == "the time was over"


async def test_what_lingers_is_not_begun_without_time_for_it(tmp_path: Path) -> None:
    assert await raged(tmp_path, Fault("replicas", 1, "all", ("a",), nothing, 60), 0.1) == []
