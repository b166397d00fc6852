"""What is published where only publishing is measured: one event, and the queue that takes it."""

from __future__ import annotations

import aio_pika

from shared.events import exchange_of
from shared.events.credit import CreditDeducted
from shared.events.examples import EXAMPLES

EVENT = next(event for event in EXAMPLES if isinstance(event, CreditDeducted))
BODY = EVENT.model_dump_json().encode()
EXCHANGE = exchange_of(EVENT.TYPE)
ROUTING_KEY = EVENT.TYPE
QUEUE = "published"


async def create(broker_url: str) -> None:
    """A durable topic exchange with one quorum queue behind it."""
    async with await aio_pika.connect(broker_url) as broker:
        channel = await broker.channel()
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(exchange, ROUTING_KEY)
