"""A program that serves, as one part of a pipeline: uvicorn with an app, or node with a script."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TextIO

from bench.child import ChildFailed
from ledgerbell.processes import Command, Supervisor
from shared.testing.node import NODE, install
from shared.testing.servers import environment_without

LOGS = Path(".local/bench")
NODE_FOLDER = Path(__file__).parent / "node"


class Server:
    """Running while it is entered; raises ProcessFailed when it never answers."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._pid = 0

    async def __aenter__(self) -> Self:
        self._log = _open_log(self._command.name)
        self._supervisor = Supervisor(self._log)
        try:
            await self._supervisor.run(self._command)
        except BaseException:
            await self.stop()
            raise
        self._pid = self._supervisor.pid(self._command.name)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._pid

    def check_alive(self) -> None:
        """Raises ChildFailed when it has ended, whether or not another took its place."""
        if self._supervisor.pid(self._command.name) != self._pid:
            raise ChildFailed(f"{self._command.name} was started again")

    async def stop(self) -> None:
        await self._supervisor.stop_all()
        self._log.close()


class NodeServer(Server):
    """Installs what node's lock names before the first start."""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(install, NODE_FOLDER)
        return await super().__aenter__()


def uvicorn(
    name: str, app: str, port: int, environment: Mapping[str, str], *options: str, ready: str
) -> Server:
    """`app` as uvicorn names it; `ready` is a path that answers once it is up."""
    arguments = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    quiet = ["--log-level", "warning"]
    return Server(_command(name, [*arguments, *quiet, *options], port, environment, ready))


def node(name: str, script: str, port: int, environment: Mapping[str, str]) -> Server:
    """It finds its port in PORT, and answers every path once it is up."""
    environment = {**environment, "PORT": str(port), "NODE_ENV": "production"}
    return NodeServer(_command(name, [str(NODE), str(NODE_FOLDER / script)], port, environment, "/"))


def _open_log(name: str) -> TextIO:
    LOGS.mkdir(mode=0o700, parents=True, exist_ok=True)
    return (LOGS / f"{name}.log").open("w")


def _command(
    name: str, arguments: list[str], port: int, environment: Mapping[str, str], ready: str
) -> Command:
    return Command(
        name, arguments, environment_without("BENCH_") | dict(environment), f"http://127.0.0.1:{port}{ready}"
    )
