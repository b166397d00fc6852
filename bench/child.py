"""A benchmark's processes: commands go in as JSON lines, answers come out, nothing outlives the harness."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

Json = dict[str, Any]
Handler = Callable[[Json], Awaitable[Json]]

ANSWER_LIMIT_BYTES = 256 * 2**20
STOP_SECONDS = 10.0


class ChildFailed(Exception):
    """A process of the benchmark ended or refused a command."""


class Child:
    """One Python process running `module`, which calls `serve` below."""

    def __init__(self, module: str, config: Json) -> None:
        self.module = module
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def __aenter__(self) -> Child:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=ANSWER_LIMIT_BYTES,
        )
        try:
            await self._exchange(self._config)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._running().pid

    def check_alive(self) -> None:
        """Raises ChildFailed when the process has ended."""
        if (code := self._running().returncode) is not None:
            raise ChildFailed(f"{self.module} ended with {code}")

    async def ask(self, op: str, **arguments: Any) -> Json:
        """Sends one command and waits for its answer; raises ChildFailed when there is none."""
        return await self._exchange({"op": op, **arguments})

    async def stop(self) -> None:
        process = self._running()
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _exchange(self, message: Json) -> Json:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        async with self._one_at_a_time:
            try:
                process.stdin.write(json.dumps(message).encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
            except ConnectionError as error:
                raise ChildFailed(f"{self.module} is gone") from error
        if not line:
            raise ChildFailed(f"{self.module} ended with {await process.wait()}")
        answer: Json = json.loads(line)
        if "error" in answer:
            raise ChildFailed(f"{self.module}: {answer['error']}")
        return answer

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise ChildFailed(f"{self.module} was never started")
        return self._process


class Commands:
    """The child's side: its configuration first, then one command after the other until stdin closes."""

    @classmethod
    async def open(cls) -> tuple[Commands, Json]:
        # Answers have stdout to themselves: a log line in between would be read as one.
        answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        reader = asyncio.StreamReader(limit=ANSWER_LIMIT_BYTES)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader, answers), json.loads(await reader.readline())

    def __init__(self, reader: asyncio.StreamReader, answers: TextIO) -> None:
        self._reader = reader
        self._answers = answers

    async def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Says that the process is ready, then answers commands."""
        self._answer({"ready": True})
        while line := await self._reader.readline():
            command: Json = json.loads(line)
            try:
                answer = await handlers[command.pop("op")](command)
            except Exception as error:
                self._answer({"error": repr(first_of(error))})
                raise SystemExit(1) from error
            self._answer(answer)

    def _answer(self, message: Json) -> None:
        self._answers.write(json.dumps(message, separators=(",", ":")) + "\n")
        self._answers.flush()


def first_of(error: Exception) -> Exception:
    return first_of(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


async def until(due_ns: int) -> int:
    """Waits until the monotonic clock, which all processes of a machine share, shows `due_ns`; answers it."""
    remaining = (due_ns - time.monotonic_ns()) / 1e9
    if remaining > 0:
        await asyncio.sleep(remaining)
    return time.monotonic_ns()
