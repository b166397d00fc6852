"""One queue of the broker, looked at from outside."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Self

import aio_pika

from shared.testing.waiting import until

WITHIN_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.1


class Queue:
    """`async with`: it is there already; ``broker_url`` may read it."""

    def __init__(self, broker_url: str, name: str) -> None:
        self._broker_url = broker_url
        self._name = name

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as entering:
            broker = await entering.enter_async_context(await aio_pika.connect(self._broker_url))
            self._channel = await broker.channel()
            self._exits = entering.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._exits.aclose()

    async def waiting(self) -> int:
        """How many messages no consumer was given yet."""
        declared = await self._channel.declare_queue(self._name, passive=True)
        return declared.declaration_result.message_count or 0

    async def until_waiting(self, messages: int) -> None:
        """Raises TimeoutError when so many do not come."""

        async def there() -> bool:
            return await self.waiting() >= messages

        await until(there, within_seconds=WITHIN_SECONDS, every_seconds=LOOK_EVERY_SECONDS)

    async def purge(self) -> int:
        """Empty it; returns how many there were."""
        queue = await self._channel.get_queue(self._name, ensure=False)
        return (await queue.purge()).message_count or 0
