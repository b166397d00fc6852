"""A server process of our own: started, stopped, killed and started again, with its data kept."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from shared.testing.servers.children import dies_with_parent, kill_marked
from shared.testing.servers.folder import ServerFolder, free_port, last_lines, secret
from shared.testing.servers.readiness import NotReady, until_ready


class ServerFailed(Exception):
    """A private server ended, or did not become ready; the message holds the end of its log."""


class ServerNotInstalled(Exception):
    """The server's programs are not on this machine; the message says how to get them."""


class PrivateServer(ABC):
    """One server in one folder, run as a direct child, so that its pid is ours.

    All methods belong to the thread that lives as long as the program (see ``dies_with_parent``).
    ``kill`` returns within milliseconds; the coroutines leave the event loop free while they wait.
    """

    program: ClassVar[str]  # What the kernel calls its processes.
    port_names: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[signal.Signals]  # Ends it in good order.
    abort_signal: ClassVar[signal.Signals]  # Ends it at once; the data stays good.
    stop_seconds: ClassVar[float] = 20
    ready_seconds: ClassVar[float] = 90

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` keeps ports, password and data; without one all is temporary."""
        self.folder = ServerFolder(folder)
        self.ports: dict[str, int] = {}
        self.password = ""
        self.mark = ""  # Stands in the command line of each of its processes and of no other.
        self._state: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start, or start again after ``stop`` or ``kill`` with the same ports and data; waits until ready.

        Raises:
            ServerNotInstalled: its programs are missing.
            FolderInUse: another process runs a server there.
            ServerFailed: it ended or did not answer in time.
        """
        if self.running:
            return
        if not self.folder.is_open:
            self.folder.open()
            self._settle()
        kill_marked(self.mark, self.program)
        await self._prepare()
        self._process = self._spawn()
        try:
            await until_ready(self._ask, within_seconds=self.ready_seconds, check_alive=self._check_alive)
        except NotReady as problem:
            self.kill()
            raise ServerFailed(f"{self.program}: {problem}\n{last_lines(self.log)}") from problem
        if "was_ready" not in self._state:
            self._state["was_ready"] = "yes"
            self.folder.remember(self._state)

    async def stop(self) -> None:
        """End it in good order (in a temporary folder: at once); it can be started again."""
        process = self._process
        if process is None:
            return
        first = self.abort_signal if self.folder.is_temporary else self.stop_signal
        for order in (first, self.abort_signal, signal.SIGKILL):
            process.send_signal(order)
            try:
                await ended(process, self.stop_seconds)
                break
            except TimeoutError:
                continue
        self._process = None
        kill_marked(self.mark, self.program)

    def kill(self) -> None:
        """SIGKILL every process of the server, as a crash would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        kill_marked(self.mark, self.program)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stop and give the folder back; a temporary one is removed."""
        await self.stop()
        self.folder.close()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the server's first process; raises ServerFailed when it is down."""
        if self._process is None or self._process.poll() is not None:
            raise ServerFailed(f"{self.program} is not running")
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder.path / "log"

    @property
    def data(self) -> Path:
        return self.folder.path / "data"

    @abstractmethod
    async def _prepare(self) -> None:
        """Before each start: what must be there for the command to succeed."""

    @abstractmethod
    def _spawn(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    async def _ask(self) -> None:
        """Raises unless the server answers."""

    def _settle(self) -> None:
        """Once, when the folder has just been opened: end leftovers, recall or choose ports and password."""
        known = self.folder.remembered()
        self.mark = known.get("mark") or f"ledgerbell-{secrets.token_hex(6)}"
        self.password = known.get("password") or secret()
        kill_marked(self.mark, self.program)
        if "was_ready" not in known and self.data.exists():
            shutil.rmtree(self.data)  # The first start was cut off: half made, perhaps without our user.
        for name in self.port_names:
            self.ports[name] = free_port(known.get(name), taken=frozenset(self.ports.values()))
        ports = {name: str(port) for name, port in self.ports.items()}
        self._state = known | ports | {"mark": self.mark, "password": self.password}
        self.folder.remember(self._state)
        self.log.touch(mode=0o600)
        self.log.write_bytes(b"")

    def _launch(
        self, command: Sequence[str], *, environment: Mapping[str, str], setpriv: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the one who stops things in order, not the server.
        with self.log.open("ab") as log:
            return subprocess.Popen(
                dies_with_parent(command, by=self.abort_signal, setpriv=setpriv),
                cwd="/",
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _check_alive(self) -> None:
        if not self.running:
            raise ServerFailed(f"{self.program} ended while starting\n{last_lines(self.log)}")


def environment_without(*prefixes: str) -> dict[str, str]:
    """Ours, less the variables that would lead a private server to somebody else's files."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


async def ended(process: subprocess.Popen[bytes], within_seconds: float) -> None:
    """Wait for a process; raises TimeoutError."""
    async with asyncio.timeout(within_seconds):
        while process.poll() is None:  # A pidfd would tell, but not in every sandbox.
            await asyncio.sleep(0.01)
