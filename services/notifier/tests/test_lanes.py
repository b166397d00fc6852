"""A backlog of what is not urgent leaves room for what somebody waits for."""

from __future__ import annotations

import asyncio

from notifier.consumers.lanes import LaneStore
from shared.messaging import Delivery


async def at_once(_: list[Delivery]) -> None:
    return None


async def after_a_turn(_: list[Delivery]) -> None:
    await asyncio.sleep(0.001)


async def rests(lane: LaneStore) -> bool:
    """Whether it goes on resting when its batch has been stored."""
    stored = asyncio.Event()
    store = lane._store

    async def telling(deliveries: list[Delivery]) -> None:
        await store(deliveries)
        stored.set()

    lane._store = telling
    handling = asyncio.create_task(lane([]))
    await stored.wait()
    await asyncio.sleep(0)
    resting = not handling.done()
    await handling
    lane._store = store
    return resting


async def test_a_lane_rests_while_a_more_urgent_one_is_busy() -> None:
    urgent = LaneStore(at_once, [])
    standard = LaneStore(after_a_turn, [urgent])
    assert not await rests(standard)
    await urgent([])
    assert await rests(standard)


async def test_the_most_urgent_lane_never_rests() -> None:
    urgent = LaneStore(after_a_turn, [])
    await LaneStore(at_once, [urgent])([])
    assert not await rests(urgent)
