"""Tells the notifier what was gathered: a batch in one message, kept at until the broker has confirmed it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import orjson

from shared.events.receipts import EXCHANGE, GATHERED, HEADERS, batch_id
from shared.messaging import BrokerAway, Message, Publisher
from shared.observability.logs import get_logger

log = get_logger(__name__)

RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.05, 2.0

Item = dict[str, object]


def message(gateway: str, number: int, pushed: Sequence[Item], acknowledged: Sequence[Item]) -> Message:
    """A ReceiptBatch. Plain dicts cost a tenth of validated models."""
    batch = {"gateway": gateway, "number": number, "pushed": pushed, "acknowledged": acknowledged}
    return Message(
        exchange=EXCHANGE,
        routing_key=GATHERED,
        message_id=str(batch_id(gateway, number)),
        body=orjson.dumps(batch, option=orjson.OPT_UTC_Z),
        headers=dict(HEADERS),
    )


async def keep_sending(publisher: Publisher, message: Message) -> None:
    """Until it is confirmed. What a try left unknown is sent again: the notifier takes it once."""
    failures = 0
    while not await _is_confirmed(publisher, message):
        failures += 1
        longest = min(LONGEST_RETRY_SECONDS, RETRY_SECONDS * 2**failures)
        await asyncio.sleep(random.uniform(RETRY_SECONDS, longest))


async def _is_confirmed(publisher: Publisher, message: Message) -> bool:
    try:
        receipt = await publisher.send_batch([message])
    except BrokerAway:
        with suppress(TimeoutError):
            await asyncio.wait_for(publisher.linked.wait(), LONGEST_RETRY_SECONDS)
        return False
    if receipt.returned:
        log.error("receipts.unroutable", exchange=EXCHANGE, routing_key=GATHERED)
    return message.message_id in receipt.confirmed
