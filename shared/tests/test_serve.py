"""A service begins with a clear word, and lets a crowd in whatever else there is to do."""

from __future__ import annotations

import asyncio
import json
import socket
from itertools import count

import pytest
import uvloop
from fastapi import FastAPI

from shared.http.auth import WeakKey
from shared.http.serve import DOORS, doors, serve
from shared.observability.logs import get_logger
from shared.settings import ServiceSettings

CROWD = 4 * DOORS


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


@pytest.mark.parametrize("error", [WeakKey, LookupError])
def test_a_service_that_cannot_run_says_why_and_logs_as_any_other(
    error: type[Exception], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def build(_: ServiceSettings) -> FastAPI:
        get_logger("test").info("building")
        raise error("a key is missing")

    settings = ServiceSettings(broker_url="", auth_keys="")
    with pytest.raises(SystemExit, match=r"^credit: a key is missing$"):
        serve(build, "credit", settings, unfit=(LookupError,))
    assert json.loads(capsysbinary.readouterr().out)["event"] == "building"
