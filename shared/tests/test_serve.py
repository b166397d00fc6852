"""A service begins with a clear word, and lets a crowd in whatever else there is to do."""

from __future__ import annotations

import asyncio
import json
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

serve(build, "credit", ServiceSettings(broker_url="", auth_keys=""), unfit=(LookupError,))
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


@pytest.mark.parametrize("error", ["WeakKey", "LookupError"])
def test_a_service_that_cannot_run_says_why_and_logs_as_any_other(error: str) -> None:
    run = [sys.executable, "-c", CANNOT_RUN, error]
    ended = subprocess.run(run, capture_output=True, check=False, text=True)  # Our own script.
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["event"] == "building"
    assert ended.stderr == "credit: a key is missing\n"
