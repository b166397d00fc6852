"""Tells the gateways what was stored: a batch in one message, kept at until the broker has confirmed it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import suppress
from time import monotonic
from uuid import uuid4

from notifier.adapters.wire import Item, encode
from shared.events.notifier import EXCHANGE, STORED
from shared.messaging import BrokerAway, Message, Publisher
from shared.observability.logs import get_logger

log = get_logger(__name__)

MAX_ITEMS = 100
MAX_BYTES = 64 * 1024
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.05, 2.0
GIVE_UP_SECONDS = 30.0


class Push:
    """Publishes PushBatches. Not mandatory: with no gateway running there is nobody to tell."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._sending: set[asyncio.Task[None]] = set()

    def publish(self, items: Iterable[Item]) -> asyncio.Future[None]:
        """What is returned is done when all of it is confirmed, or given up after 30 s.

        Encoded when the caller waits for something: for the next batch's statement, say. Whoever waits may be
        cancelled; the sending goes on.
        """
        return asyncio.shield(self._begin(self._keep_at_it(items)))

    def hint(self, items: Iterable[Item]) -> None:
        """Try once and forget: gateways find out by comparing heads when this is lost."""
        self._begin(self._try_once(items))

    async def drain(self, timeout: float) -> None:
        """Give what is on its way ``timeout`` seconds to arrive, then drop it."""
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, sending: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _keep_at_it(self, items: Iterable[Item]) -> None:
        messages = list(_messages(items))
        failures = 0
        give_up_at = monotonic() + GIVE_UP_SECONDS
        while messages and monotonic() < give_up_at:
            try:
                receipt = await self._publisher.send_batch(messages)
                messages = [each for each in messages if each.message_id not in receipt.confirmed]
            except BrokerAway:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._publisher.linked.wait(), LONGEST_RETRY_SECONDS)
            if messages:
                failures += 1
                longest = min(LONGEST_RETRY_SECONDS, RETRY_SECONDS * 2**failures)
                await asyncio.sleep(random.uniform(RETRY_SECONDS, longest))
        if messages:
            # It is stored, and gateways compare heads; storing must not stand still for a hint.
            log.critical("push.given_up", messages=len(messages), seconds=GIVE_UP_SECONDS)

    async def _try_once(self, items: Iterable[Item]) -> None:
        try:
            await self._publisher.send_batch(list(_messages(items)))
        except BrokerAway:
            pass
        except Exception as error:  # noqa: BLE001  # Nobody waits for it, so nobody else would say so.
            log.error("push.hint_failed", error=repr(error))


def _messages(items: Iterable[Item]) -> Iterator[Message]:
    """PushBatches of at most 100 items and 64 KiB (an item larger than that goes alone)."""
    parts: list[bytes] = []
    size = 0
    for item in items:
        part = encode(item)
        if parts and (len(parts) == MAX_ITEMS or size + len(part) > MAX_BYTES):
            yield _message(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield _message(parts)


def _message(parts: list[bytes]) -> Message:
    return Message(
        exchange=EXCHANGE,
        routing_key=STORED,
        message_id=uuid4().hex,
        body=b'{"items":[' + b",".join(parts) + b"]}",
        mandatory=False,
    )
