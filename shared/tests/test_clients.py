"""What a caller hears of a server that resets the connection, whenever that is."""

from __future__ import annotations

import asyncio
import socket
import struct

import httpx
import uvloop

from shared.clients import http_client

AT_ONCE = struct.pack("ii", 1, 0)  # Closed so, a connection is reset.
TURNS = range(6)
ROUNDS = 20  # One nearly always has it; on a busy machine the turns may come in another order.


async def answers() -> list[httpx.HTTPError]:
    """To one request each, reset so many turns of the loop after its connection was accepted."""
    heard: list[httpx.HTTPError] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        for turns in TURNS:
            async with http_client(f"http://127.0.0.1:{server.getsockname()[1]}", 5) as http:
                asked = asyncio.create_task(http.get("/"))
                accepted = None
                while accepted is None:
                    await asyncio.sleep(0)
                    accepted = accept(server)
                for _ in range(turns):
                    await asyncio.sleep(0)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                accepted.close()
                try:
                    await asked
                except httpx.HTTPError as error:
                    heard.append(error)
    return heard


def accept(server: socket.socket) -> socket.socket | None:
    try:
        return server.accept()[0]
    except BlockingIOError:
        return None


def test_a_connection_that_is_reset_as_it_is_made_was_not_made() -> None:
    unmade: list[httpx.HTTPError] = []
    for _ in range(ROUNDS):
        heard = uvloop.run(answers())
        assert len(heard) == len(TURNS)
        unmade += [error for error in heard if isinstance(error.__cause__, AttributeError)]
        if unmade:
            break

    # Without any, there is nothing left for our transport to do.
    assert {type(error) for error in unmade} == {httpx.ConnectError}
