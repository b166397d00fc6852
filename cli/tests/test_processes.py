"""The supervisor, with real processes: a small HTTP server that can be told to misbehave."""

import asyncio
import io
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledgerbell.processes import Command, ProcessFailed, Supervisor
from shared.testing.servers import free_port
from shared.testing.waiting import until

SERVER = """
import http.server, signal, sys

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass

def end(*_):
    print("asked to end", flush=True)
    if "stubborn" not in sys.argv:
        sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("hello", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""

# Supervises one server and says its pid, until it is interrupted or killed.
OWNER = """
import asyncio, signal, sys
from ledgerbell.processes import Command, Supervisor

signal.signal(signal.SIGINT, signal.default_int_handler)  # Jobs in the background ignore it.

async def main():
    async with Supervisor(sys.stderr) as supervisor:
        arguments = [sys.executable, "-c", sys.argv[1], sys.argv[2]]
        ready_url = f"http://127.0.0.1:{sys.argv[2]}/readyz"
        await supervisor.run(Command("one", arguments, {}, ready_url))
        print(supervisor.pid("one"), flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
"""


def server(name: str, *words: str) -> Command:
    port = str(free_port(None))
    arguments = [sys.executable, "-c", SERVER, port, *words]
    return Command(name, arguments, {}, f"http://127.0.0.1:{port}/readyz")


def is_running(pid: int) -> bool:
    """Zombies are not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # The latter when it ends while we read.
        return False


async def test_each_line_carries_the_name_of_its_process() -> None:
    log = io.StringIO()

    async with Supervisor(log) as supervisor:
        await supervisor.run(server("one"))
        await supervisor.run(server("two"))

    assert log.getvalue().splitlines() == [
        "       one | hello",
        "       two | hello",
        "       two | asked to end",  # The last one started ends first.
        "       one | asked to end",
    ]


async def test_a_process_that_crashed_is_started_again() -> None:
    log = io.StringIO()

    async with Supervisor(log) as supervisor:
        await supervisor.run(server("one"))
        before = supervisor.pid("one")
        supervisor.kill("one")
        await supervisor.ready("one")

        assert supervisor.pid("one") != before
        assert not is_running(before)
    assert "-- killed by SIGKILL; starting again in 0.1 s" in log.getvalue()


async def test_a_process_that_is_changed_is_another_from_its_next_start_on() -> None:
    log = io.StringIO()

    async with Supervisor(log) as supervisor:
        await supervisor.run(server("one"))
        was = supervisor.command("one")
        supervisor.change(
            replace(was, arguments=[*was.arguments[:2], "print('changed')\n" + SERVER, was.arguments[3]])
        )
        assert "changed" not in log.getvalue()
        supervisor.kill("one")
        await supervisor.ready("one")

    assert "one | changed" in log.getvalue()


async def test_a_process_can_be_kept_down_for_a_while() -> None:
    async with Supervisor(io.StringIO()) as supervisor:
        await supervisor.run(server("one"))
        before = supervisor.pid("one")

        supervisor.kill("one", restart=False)
        with pytest.raises(ProcessLookupError):
            supervisor.pid("one")
        with pytest.raises(ProcessFailed, match="is down"):
            await until(lambda: _ask_again(supervisor))
        await supervisor.start("one")

        assert supervisor.pid("one") != before


async def _ask_again(supervisor: Supervisor) -> bool:
    await supervisor.ready("one")
    return False


async def test_a_process_can_be_stopped_and_started_in_good_order() -> None:
    log = io.StringIO()

    async with Supervisor(log) as supervisor:
        await supervisor.run(server("one"))
        await supervisor.stop("one")
        assert log.getvalue().endswith("one | asked to end\n")
        await supervisor.start("one")

        assert is_running(supervisor.pid("one"))


async def test_a_process_that_cannot_start_is_an_error_with_its_last_lines() -> None:
    broken = Command(
        "broken", [sys.executable, "-c", "raise SystemExit('no such key')"], {}, "http://127.0.0.1:1"
    )

    async with Supervisor(io.StringIO()) as supervisor:
        with pytest.raises(ProcessFailed, match=r"(?s)broken ended 3 times before it was ready.*no such key"):
            await supervisor.run(broken)


async def test_a_process_that_is_never_ready_is_an_error() -> None:
    silent = Command("silent", ["sleep", "60"], {"PATH": os.environ["PATH"]}, "http://127.0.0.1:1")

    async with Supervisor(io.StringIO(), ready_seconds=0.3) as supervisor:
        with pytest.raises(ProcessFailed, match=r"silent: no answer within 0\.3 s"):
            await supervisor.run(silent)


async def test_a_process_that_does_not_end_is_killed_after_the_deadline() -> None:
    log = io.StringIO()

    async with Supervisor(log, stop_seconds=0.2) as supervisor:
        await supervisor.run(server("one", "stubborn"))
        pid = supervisor.pid("one")

    assert not is_running(pid)
    assert log.getvalue().endswith("asked to end\n       one | -- did not end within 0.2 s: killed\n")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_no_process_outlives_the_supervisor(how: signal.Signals) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, SERVER, str(free_port(None)), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    assert is_running(pid)

    async def gone() -> bool:
        return not is_running(pid)

    owner.send_signal(how)
    await until(gone)
    await owner.communicate()
