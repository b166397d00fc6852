"""One connection for many requests, and another once the server has closed it."""

from __future__ import annotations

import asyncio

from bench.kept_alive import KeptAlive
from shared.testing.waiting import until

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_connection_is_kept_until_the_server_closes_it() -> None:
    requests_of: list[int] = []

    async def answer_two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests_of.append(0)
        while requests_of[-1] < 2:
            await reader.readuntil(b"\r\n\r\n")
            requests_of[-1] += 1
            writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(answer_two, "127.0.0.1", 0)
    async with server, KeptAlive("127.0.0.1", server.sockets[0].getsockname()[1]) as http:

        async def closed() -> bool:
            return not http.is_open

        answers = [await http.post("/", "token") for _ in range(2)]
        await until(closed)
        answers += [await http.post("/", "token") for _ in range(2)]

    assert answers == [b"ok"] * 4
    assert requests_of == [2, 2]
