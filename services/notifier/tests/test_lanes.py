"""A backlog of what is not urgent leaves room for what somebody waits for."""

from __future__ import annotations

import asyncio

import pytest

from notifier.consumers import lanes
from notifier.consumers.lanes import LaneStore
from notifier.handlers.store import Batch

NOTHING = Batch("notifier.test")


async def after_a_turn(_: Batch) -> None:
    await asyncio.sleep(0.001)


async def rests(more_urgent: list[LaneStore[Batch]]) -> bool:
    """Whether a lane behind these goes on when its batch has been stored."""
    stored = asyncio.Event()

    async def telling(batch: Batch) -> None:
        await after_a_turn(batch)
        stored.set()

    handling = asyncio.ensure_future(LaneStore(telling, more_urgent)(NOTHING))
    await stored.wait()
    await asyncio.sleep(0)
    resting = not handling.done()
    await handling
    return resting


@pytest.fixture(autouse=True)
def _busy_for_longer_than_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "BUSY_SECONDS", 60.0)


async def test_a_lane_rests_while_a_more_urgent_one_is_busy() -> None:
    critical, high = LaneStore(after_a_turn, []), LaneStore(after_a_turn, [])
    assert not await rests([critical, high])
    await critical(NOTHING)
    assert await rests([critical, high])
    assert not await rests([high])
    assert not await rests([])
