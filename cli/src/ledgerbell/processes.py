"""Runs commands as processes: prefixed output, restart on a crash, readiness, an orderly end of all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TextIO

import httpx

from shared.testing.servers import NotReady, dies_with_parent, until_ready

_COLOURS = (36, 33, 35, 32, 34, 31)
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 10.0
_TRIES_BEFORE_READY = 3
_LINES_KEPT = 30


class ProcessFailed(Exception):
    """A process did not become ready; the message holds its last lines."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and the URL that answers 200 once it is ready."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    ready_url: str


@dataclass(slots=True)
class _Child:
    command: Command
    colour: int
    wanted: bool = True
    ending: bool = False  # A deadly signal was sent to the process, which may still be there.
    was_ready: bool = False
    exits: int = 0  # Since it was ready last.
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None and not self.ending


class Supervisor:
    """Starts processes and keeps them running until it is left.

    Each runs in a session of its own, so that Ctrl-C reaches only us and the end comes in order; each ends
    with us even when we are killed. Output goes to ``log``, a terminal or a file, line by line.
    """

    def __init__(
        self, log: TextIO | None = None, *, ready_seconds: float = 60, stop_seconds: float = 15
    ) -> None:
        self._log = log if log is not None else sys.stdout
        self._coloured = self._log.isatty() and "NO_COLOR" not in os.environ
        self._ready_seconds = ready_seconds
        self._stop_seconds = stop_seconds
        self._children: dict[str, _Child] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop_all()

    async def run(self, command: Command) -> None:
        """Start it and wait until it is ready. Raises ProcessFailed."""
        child = _Child(command, _COLOURS[len(self._children) % len(_COLOURS)])
        self._children[command.name] = child
        child.keeper = asyncio.create_task(self._keep(child), name=command.name)
        await self.ready(command.name)

    async def ready(self, name: str) -> None:
        """Wait until it answers (again). Raises ProcessFailed."""
        child = self._children[name]
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
                await until_ready(
                    lambda: _answers(child, http),
                    within_seconds=self._ready_seconds,
                    check_alive=lambda: _check_hope(child),
                )
        except NotReady as problem:
            raise ProcessFailed(f"{name}: {problem}{_last_lines(child)}") from problem
        child.was_ready = True
        child.exits = 0

    def pid(self, name: str) -> int:
        """Raises ProcessLookupError while it is down."""
        child = self._children[name]
        if child.process is None or not child.alive:
            raise ProcessLookupError(f"{name} is not running")
        return child.process.pid

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL, *, restart: bool = True) -> None:
        """Send a signal. With ``restart=False`` it stays down, once it ended, until ``start``.

        Raises ProcessLookupError while it is down.
        """
        pid, child = self.pid(name), self._children[name]
        child.wanted = restart
        child.ending = sign in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
        os.kill(pid, sign)

    async def stop(self, name: str) -> None:
        """End it in good order, or by force after the deadline; it stays down until ``start``."""
        child = self._children[name]
        child.wanted = False
        if child.alive:
            self.kill(name, signal.SIGTERM, restart=False)
        if child.keeper is None:
            return
        if child.process is None or child.process.returncode is not None:
            child.keeper.cancel()  # It is down, and was about to be started again.
        _, late = await asyncio.wait({child.keeper}, timeout=self._stop_seconds)
        if late and child.process is not None:
            self._note(child, f"did not end within {self._stop_seconds:g} s: killed")
            _kill_session(child.process.pid)
            await asyncio.wait({child.keeper})

    async def start(self, name: str) -> None:
        """Start again what was stopped or killed, and wait until it is ready. Raises ProcessFailed."""
        child = self._children[name]
        if child.keeper is not None and not child.wanted:
            await asyncio.wait({child.keeper})
        if child.keeper is None or child.keeper.done():
            child.wanted = True
            child.keeper = asyncio.create_task(self._keep(child), name=name)
        await self.ready(name)

    def command(self, name: str) -> Command:
        """What it runs as."""
        return self._children[name].command

    def change(self, command: Command) -> None:
        """Run the process of that name as this from its next start on."""
        self._children[command.name].command = command

    async def stop_all(self) -> None:
        """End all, the last one started first."""
        for name in reversed(self._children):
            await self.stop(name)

    async def _keep(self, child: _Child) -> None:
        while child.wanted:
            started = time.monotonic()
            code = await self._run_once(child)
            if not child.wanted:
                return
            lasted = time.monotonic() - started > _LONGEST_DELAY_SECONDS
            child.exits = 1 if lasted else child.exits + 1
            delay = min(_FIRST_DELAY_SECONDS * 2 ** (child.exits - 1), _LONGEST_DELAY_SECONDS)
            self._note(child, f"{_ending(code)}; starting again in {delay:g} s")
            await asyncio.sleep(delay)

    async def _run_once(self, child: _Child) -> int:
        process = await asyncio.create_subprocess_exec(
            *dies_with_parent(child.command.arguments),
            env=dict(child.command.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        child.process, child.ending = process, False
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        output = asyncio.create_task(self._copy(child, process.stdout))
        try:
            return await process.wait()
        finally:
            _kill_session(process.pid)  # What it started itself, and what holds the pipe open.
            await output

    async def _copy(self, child: _Child, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._print(child, line.decode(errors="replace"))
        if rest:
            self._print(child, rest.decode(errors="replace"))

    def _print(self, child: _Child, line: str) -> None:
        child.lines.append(line)
        self._write(child, line)

    def _note(self, child: _Child, line: str) -> None:
        self._write(child, f"-- {line}")

    def _write(self, child: _Child, line: str) -> None:
        prefix = f"{child.command.name:>10} |"
        if self._coloured:
            prefix = f"\x1b[{child.colour}m{prefix}\x1b[0m"
        self._log.write(f"{prefix} {line}\n")
        self._log.flush()


async def _answers(child: _Child, http: httpx.AsyncClient) -> None:
    if not child.alive:
        raise ConnectionError(f"{child.command.name} is not running")
    (await http.get(child.command.ready_url)).raise_for_status()


def _check_hope(child: _Child) -> None:
    if child.keeper is None or child.keeper.done():
        raise ProcessFailed(f"{child.command.name} is down{_last_lines(child)}")
    if not child.was_ready and child.exits >= _TRIES_BEFORE_READY:
        raise ProcessFailed(
            f"{child.command.name} ended {child.exits} times before it was ready{_last_lines(child)}"
        )


def _last_lines(child: _Child) -> str:
    return "".join(f"\n  {line}" for line in child.lines)


def _ending(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _kill_session(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
