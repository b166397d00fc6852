"""The load process for HTTP: so many callers at once, each asking again once answered, or at a rate."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Iterator, Sequence

import uvloop

from bench.child import Commands, Json
from bench.kept_alive import KeptAlive
from bench.product.caller import BODY, PATH


class Callers:
    """An answer that is not 2xx ends the benchmark."""

    def __init__(self, host: str, port: int, tokens: Sequence[str]) -> None:
        self._address = host, port
        self._tokens = tokens

    async def debit(self, command: Json) -> Json:
        """`callers` of them for `seconds`, on the first `accounts`: how long each answer took, and all.

        With a `rate` they ask so often a second all together, as long as answers come in time.
        """
        tokens = itertools.cycle(self._tokens[: command["accounts"]])
        began = time.monotonic()
        until = began + command["seconds"]
        every = command["callers"] / command["rate"] if command.get("rate") else 0.0
        async with asyncio.TaskGroup() as tasks:
            calling = [tasks.create_task(self._call(tokens, until, every)) for _ in range(command["callers"])]
        took_ms = [ms for task in calling for ms in task.result()]
        return {"took_ms": took_ms, "seconds": time.monotonic() - began}

    async def _call(self, tokens: Iterator[str], until: float, every: float) -> list[float]:
        took_ms = []
        await asyncio.sleep(random.uniform(0, every))
        async with KeptAlive(*self._address) as http:
            while (began := time.monotonic()) < until:
                await http.post(PATH, next(tokens), BODY, Idempotency_Key=str(uuid.uuid4()))
                took_ms.append((time.monotonic() - began) * 1e3)
                if every:
                    await asyncio.sleep(began + every - time.monotonic())
        return took_ms


async def main() -> None:
    commands, settings = await Commands.open()
    await commands.serve({"debit": Callers(**settings).debit})


if __name__ == "__main__":
    uvloop.run(main())
