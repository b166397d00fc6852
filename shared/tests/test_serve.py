"""A service begins with a clear word, and lets a crowd in whatever else there is to do."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from itertools import count

import pytest
import uvloop

from shared.http.serve import DOORS, doors

CROWD = 4 * DOORS
CANNOT_RUN = """
import sys
from shared.http.auth import WeakKey
from shared.http.serve import serve
from shared.observability.logs import get_logger
from shared.settings import ServiceSettings

def build(_):
    get_logger("test").info("building")
    raise {"WeakKey": WeakKey, "LookupError": LookupError}[sys.argv[1]]("a key is missing")

serve(build, "credit", ServiceSettings, unfit=(LookupError,))
"""


async def turns_until_all_are_in() -> int:
    loop = asyncio.get_running_loop()
    everybody = asyncio.Event()
    inside = count(1)

    class Visitor(asyncio.Protocol):
        def connection_made(self, _: asyncio.BaseTransport) -> None:
            if next(inside) == CROWD:
                everybody.set()

    listening = socket.create_server(("127.0.0.1", 0), backlog=CROWD)
    servers = [await loop.create_server(Visitor, sock=door, backlog=CROWD) for door in doors(listening)]
    # They all stand outside before the loop turns again.
    crowd = [socket.create_connection(listening.getsockname()) for _ in range(CROWD)]
    turns = 0
    while not everybody.is_set():
        await asyncio.sleep(0)
        turns += 1
    for each in crowd:
        each.close()
    for server in servers:
        server.close()
    return turns


def test_a_crowd_is_let_in_within_a_few_turns_of_the_loop() -> None:
    assert uvloop.run(turns_until_all_are_in()) < CROWD // 2


def cannot_run(error: str, **environment: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", CANNOT_RUN, error]
    known = {name: value for name, value in os.environ.items() if not name.startswith("LEDGERBELL_")}
    return subprocess.run(run, env=known | environment, capture_output=True, check=False, text=True)


@pytest.mark.parametrize("error", ["WeakKey", "LookupError"])
def test_a_service_that_cannot_run_says_why_and_logs_as_any_other(error: str) -> None:
    ended = cannot_run(error, LEDGERBELL_BROKER_URL="", LEDGERBELL_AUTH_KEYS="[]")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["event"] == "building"
    assert ended.stderr == "credit: a key is missing\n"


def test_a_service_without_its_settings_says_which_are_missing() -> None:
    ended = cannot_run("WeakKey", LEDGERBELL_PORT="none")
    assert ended.returncode == 1
    for name in ("LEDGERBELL_BROKER_URL (missing)", "LEDGERBELL_AUTH_KEYS (missing)", "LEDGERBELL_PORT (int"):
        assert name in ended.stderr
    assert "Traceback" not in ended.stderr
