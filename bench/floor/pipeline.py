"""The floor, running: its tables and broker objects, its three processes, and its tabs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bench.child import Child
from bench.config import Config
from bench.floor import schema
from bench.spine import Part, Spine


class Floor(Spine):
    """`async with Floor(...)`: writer, notifier and gateway are up, accounts have money."""

    name = "floor"

    async def create(self, config: Config, users: Sequence[str]) -> None:
        await schema.create(config, users)

    def make_writer(self, config: Config) -> Child:
        return Child("bench.floor.writer", asdict(config))

    def make_notifier(self, config: Config) -> Part:
        return Child("bench.floor.notifier", asdict(config))

    def make_gateway(self, config: Config) -> Part:
        return Child("bench.floor.gateway", asdict(config))


class PlainFloor(Floor):
    """The same, publishing message by message, as aio-pika's users do."""

    name = "aio-pika"

    def make_writer(self, config: Config) -> Child:
        return Child("bench.floor.plain_writer", asdict(config))
