"""How many messages wait in a queue, as the broker counts them when it is asked."""

from __future__ import annotations

import aio_pika

from shared.testing.waiting import until

WITHIN_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.1


async def until_waiting(broker_url: str, queue: str, messages: int) -> None:
    """Raises TimeoutError when they do not come; ``broker_url`` may read the queue."""
    async with await aio_pika.connect(broker_url) as broker:
        channel = await broker.channel()

        async def there() -> bool:
            declared = await channel.declare_queue(queue, passive=True)
            return bool((declared.declaration_result.message_count or 0) >= messages)

        await until(there, within_seconds=WITHIN_SECONDS, every_seconds=LOOK_EVERY_SECONDS)
