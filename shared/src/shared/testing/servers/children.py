"""Child processes end with the process that started them, however that one ends."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

# The parent may be gone before the signal is armed; then the child sees another parent, and leaves.
_STILL_MY_PARENT = '[ "$PPID" = "$0" ] || exit 1; exec "$@"'


def dies_with_parent(
    command: Sequence[str], *, by: signal.Signals = signal.SIGKILL, setpriv: Sequence[str] = ()
) -> list[str]:
    """The same command, which the kernel sends the signal ``by`` once the *thread* that starts it has ended.

    Start it from a thread that lives as long as the program: the main one or an event loop's, not a worker.
    The process keeps the pid that the caller sees. ``setpriv`` adds options of setpriv(1). Where setpriv is
    not installed (it is Linux only) the command is returned as it is.
    """
    if shutil.which("setpriv") is None:
        return list(command)
    armed = ["setpriv", "--pdeathsig", by.name.removeprefix("SIG"), *setpriv]
    return [*armed, "--", "sh", "-c", _STILL_MY_PARENT, str(os.getpid()), *command]


def marked(mark: str, program: str) -> list[int]:
    """Pids of the processes called ``program`` that carry ``mark`` in their command line.

    The command line is the one thing about another user's process that can be read without ptrace rights.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text().strip() == program and mark.encode() in (
                entry / "cmdline"
            ).read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # It ended while we looked.
    return found


def kill_marked(mark: str, program: str, *, within_seconds: float = 5) -> None:
    """SIGKILL what ``marked`` finds and wait until nothing is left; raises TimeoutError."""
    deadline = time.monotonic() + within_seconds
    while pids := marked(mark, program):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{program} processes {pids} survive SIGKILL")
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.005)  # Nothing reports the end of a process that is not our child.
