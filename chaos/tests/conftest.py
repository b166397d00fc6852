"""A world for each test."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from chaos.tests.example import PEACE, World


@pytest.fixture
def world() -> World:
    """In the middle of its faults, with three tabs of two users; ``end()`` comes next."""
    world = World()
    world.say("run", "run", "info", seed=7, latency_seconds=0.5, drain_seconds=30, fewest_sessions=0)
    world.say("run", "resources", "info", **asdict(PEACE))
    world.phase("load")
    for tab, user in (("ada/tab-1", "ada"), ("ada/tab-2", "ada"), ("bob/tab-1", "bob")):
        world.connect(tab, user)
    world.add("ada", 10_000)
    world.add("bob", 10_000)
    world.phase("faults")
    world.say("nemesis", "killed", "invoke", "credit")
    for amount in range(1, 9):
        world.debit("ada", amount)
        world.debit("bob", amount)
    world.say("nemesis", "killed", "ok", "credit")
    world.pay("ada", 500)
    world.verify("ada", 100, "completed")
    world.verify("bob", 100, "timed_out")
    return world
