"""A server's folder: one owner at a time, and what it remembers survives a crash."""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TextIO

# Below the range from which the kernel takes the ports of outgoing connections: a port from there may be
# taken by a client while its server is down, even by one that tries to reach that very server.
_PORTS = range(20_000, 32_000)


class FolderInUse(Exception):
    """Another process runs a server in this folder."""


class ServerFolder:
    """``path``, or a temporary folder that is removed on ``close``."""

    def __init__(self, path: Path | None) -> None:
        self._given = path
        self._lock: TextIO | None = None
        self.path = Path()

    @property
    def is_open(self) -> bool:
        return self._lock is not None

    @property
    def is_temporary(self) -> bool:
        return self._given is None

    def open(self) -> None:
        """Create the folder if need be and take its lock; raises FolderInUse."""
        if self._given is None:
            self.path = Path(tempfile.mkdtemp(prefix="ledgerbell-"))
        else:
            self.path = self._given.resolve()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise FolderInUse(f"{self.path} is in use by another running ledgerbell") from None
        self._lock = lock

    def close(self) -> None:
        if self._lock is None:
            return
        if self.is_temporary:
            shutil.rmtree(self.path)
        self._lock.close()
        self._lock = None

    def remembered(self) -> dict[str, str]:
        """What ``remember`` stored last; empty at first."""
        try:
            state = json.loads((self.path / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return {str(name): str(value) for name, value in state.items()}

    def remember(self, state: dict[str, str]) -> None:
        """Replace the stored state as a whole; only our own user can read it."""
        fresh = self.path / "state.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(state, indent=2) + "\n")
        fresh.replace(self.path / "state.json")


def secret() -> str:
    """A new password, safe in URLs and configuration files."""
    return secrets.token_urlsafe(24)


def free_port(wanted: str | None, *, taken: frozenset[int] = frozenset()) -> int:
    """The ``wanted`` port of 127.0.0.1 if it is still free, else another that is."""
    if wanted is not None and _is_free(int(wanted)):
        return int(wanted)
    for port in random.SystemRandom().sample(_PORTS, 200):
        if port not in taken and _is_free(port):
            return port
    raise OSError(f"no free port between {_PORTS.start} and {_PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for an error message."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
