"""Publishes batches: one socket write a batch, every message confirmed, returned or honestly unknown."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiormq.abc import ChannelFrame
from pamqp import commands as spec
from pamqp.header import ContentHeader

from shared.messaging.connection import BrokerAway, Link, keep_linked
from shared.messaging.frames import publish_frames

if TYPE_CHECKING:
    from aiormq.abc import ConfirmationFrameType

PUBLISH_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """A persistent JSON message. ``mandatory``: without a queue bound to it, it comes back as returned."""

    exchange: str
    routing_key: str
    message_id: str
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    mandatory: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch, by message id. What is in neither set is unknown: never "failed"."""

    confirmed: frozenset[str]
    returned: frozenset[str]


class _Batch:
    __slots__ = ("first", "ids", "open", "refused", "resolved", "returned")

    def __init__(self, first: int, ids: list[str]) -> None:
        self.first = first
        self.ids = ids
        self.open = set(range(first, first + len(ids)))
        self.refused: set[int] = set()
        self.returned: set[str] = set()
        self.resolved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, tag: int, *, multiple: bool, confirmed: bool) -> None:
        tags = {each for each in self.open if each <= tag} if multiple else {tag} & self.open
        self.open -= tags
        if not confirmed:
            self.refused |= tags
        if not self.open and not self.resolved.done():
            self.resolved.set_result(None)

    def receipt(self) -> Receipt:
        missing = self.open | self.refused
        confirmed = {id_ for tag, id_ in enumerate(self.ids, self.first) if tag not in missing}
        return Receipt(frozenset(confirmed - self.returned), frozenset(self.returned))


class Publisher:
    """A publishing connection of its own: a blocked one holds up everything sent over it, acks too.

    Drives aiormq's channel below its publish call, so aiormq is pinned and reconnects are tested.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._link: Link | None = None
        self._next_tag = 1
        self._pending: deque[_Batch] = deque()
        self._turn = asyncio.Lock()
        self.linked = asyncio.Event()

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        await keep_linked(self._url, self._name, self._serve, confirms=True)

    async def send_batch(
        self, messages: Sequence[Message], timeout: float = PUBLISH_TIMEOUT_SECONDS
    ) -> Receipt:
        """Publish and wait for the broker's word on each, at most ``timeout`` seconds.

        Raises:
            BrokerAway: there was no connection and nothing was sent.
        """
        link = self._link
        if link is None or link.lost.is_set():
            raise BrokerAway("no connection to the broker")
        if not messages:
            return Receipt(frozenset(), frozenset())
        channel = link.channel
        frame_max = channel.connection.connection_tune.frame_max or 131072
        payload = b"".join([publish_frames(message, channel.number, frame_max) for message in messages])
        try:
            async with asyncio.timeout(timeout), self._turn:
                # aiormq's queue holds ten frames; a put that finds it full waits.
                await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
                # Tags are taken in the step that queued the frames: their order is the broker's count, and
                # one that was taken for frames never sent would shift every confirm after it.
                batch = self._expect([message.message_id for message in messages], link)
        except TimeoutError:
            raise BrokerAway("the connection takes no more") from None
        await asyncio.wait({batch.resolved}, timeout=timeout)
        return batch.receipt()

    def _expect(self, ids: list[str], link: Link) -> _Batch:
        batch = _Batch(self._next_tag, ids)
        if self._link is link:
            self._next_tag += len(ids)
            self._pending.append(batch)
        else:  # Lost while we waited: whether any of it left is unknown.
            batch.resolved.set_result(None)
        return batch

    async def _serve(self, link: Link) -> None:
        self._next_tag = 1
        # Ours take the place of the channel's own, which keep a future for every message.
        link.channel._on_confirm_frame = self._on_confirm  # type: ignore[method-assign]
        link.channel._on_return_frame = self._on_return  # type: ignore[method-assign]
        self._link = link
        self.linked.set()
        try:
            await link.lost.wait()
            raise BrokerAway("the publishing channel was closed")
        finally:
            self.linked.clear()
            self._link = None
            for batch in self._pending:
                if not batch.resolved.done():
                    batch.resolved.set_result(None)
            self._pending.clear()

    async def _on_confirm(self, frame: ConfirmationFrameType) -> None:
        tag, multiple = frame.delivery_tag or 0, bool(getattr(frame, "multiple", False))
        confirmed = isinstance(frame, spec.Basic.Ack)
        for batch in self._pending:
            if batch.first > tag:
                break
            batch.settle(tag, multiple=multiple, confirmed=confirmed)
        while self._pending and not self._pending[0].open:
            self._pending.popleft()

    async def _on_return(self, frame: spec.Basic.Return) -> None:
        # The broker returns an unroutable message first and confirms it afterwards.
        assert self._link is not None
        header = await self._link.channel._get_frame()
        assert isinstance(header, ContentHeader)
        await self._link.channel._read_content(frame, header)
        returned = str(header.properties.message_id)
        for batch in self._pending:
            if returned in batch.ids:
                batch.returned.add(returned)
