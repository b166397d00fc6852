"""What was pushed to whose tabs and what they acknowledged: gathered as it happens, told once a second.

Only the telling waits for the broker, and nobody waits for the telling.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from time import time
from typing import Literal, TypeAlias
from uuid import uuid4

from prometheus_client import Counter, Gauge

from shared.messaging import Message, Publisher
from shared.observability.logs import get_logger
from ws_gateway.adapters import receipts as wire
from ws_gateway.adapters.receipts import Item
from ws_gateway.handlers.channel import Channel, Tab

log = get_logger(__name__)

What: TypeAlias = Literal["pushed", "acknowledged"]

EVERY_SECONDS = 1.0
IN_A_MESSAGE = 200  # To make one, and to read it, holds neither loop up for more than 2 ms.
MAX_GATHERED = 100_000  # About 30 MB.
# More of one user's are merged where they meet.
RANGES_A_USER, RANGES_A_USER_WHEN_FULL = 16, 2

PENDING = Gauge("gateway_receipts_pending", "Receipts that the broker has not confirmed yet.")
PUBLISHED = Counter("gateway_receipts_published_total", "Receipts that the broker has confirmed.")
LOST = Counter("gateway_receipts_lost_total", "Receipts there was no room or no time for, by what.", ["what"])


@dataclass(slots=True)
class Pushed:
    """A range of a user's stream that was written to so many tabs, the last of it at that time."""

    epoch: int
    seq: int
    up_to: int
    tabs: int
    at: float


@dataclass(slots=True)
class Acknowledged:
    """What one session has said its page has, since this was told last."""

    user_id: str
    epoch: int
    seq: int
    up_to: int
    sent_from: int
    at: float


@dataclass(slots=True)
class Gathered:
    """Ranges by user, acknowledgements by session, and how many they are."""

    pushed: dict[str, list[Pushed]] = field(default_factory=dict)
    acknowledged: dict[str, Acknowledged] = field(default_factory=dict)
    count: int = 0

    def drain(self) -> Iterator[tuple[What, Item]]:
        """Each as the wire has it; what is taken is no longer counted."""
        for user_id, ranges in self.pushed.items():
            for each in ranges:
                self.count -= 1
                yield "pushed", {**_item(user_id, each), "tabs": each.tabs}
        for session, said in self.acknowledged.items():
            self.count -= 1
            own = {"session": session, "sent_from": said.sent_from}
            yield "acknowledged", {**_item(said.user_id, said), **own}


@dataclass(frozen=True, slots=True)
class _Batch:
    """A message and how many of each are in it."""

    message: Message
    counts: Mapping[What, int]

    @property
    def count(self) -> int:
        return sum(self.counts.values())


class Receipts:
    """Of one gateway process, which is known by a name of its own."""

    def __init__(self, publisher: Publisher, *, at_most: int = MAX_GATHERED) -> None:
        """``at_most`` so many are gathered while the broker is away."""
        self.gateway = uuid4().hex
        self._publisher = publisher
        self._at_most = at_most
        self._gathered, self._sealed = Gathered(), Gathered()
        self._items: Iterator[tuple[What, Item]] = iter(())
        self._in_hand: _Batch | None = None
        self._number = 0
        self._lost: Tally[What] = Tally()
        PENDING.set_function(lambda: self.pending)

    @property
    def pending(self) -> int:
        in_hand = self._in_hand.count if self._in_hand else 0
        return self._gathered.count + self._sealed.count + in_hand

    # -------------------------------------------------------------- as it happens

    def pushed(self, channel: Channel) -> None:
        """Everything the channel has pushed since it was asked last.

        Called for each: it costs 0.1 to 0.2 µs, and 1 µs for a user's first of a second.
        """
        ranges = self._gathered.pushed.get(channel.user_id)
        if ranges and not channel.leading:
            last = ranges[-1]
            if last.up_to == channel.told and last.tabs == channel.reaches and last.epoch == channel.epoch:
                assert channel.seq is not None
                last.up_to = channel.told = channel.seq
                last.at = time()
                return
        for seq, up_to, tabs in channel.newly_pushed():
            self._add(channel.user_id, channel.epoch, seq, up_to, tabs)

    def replayed(self, user_id: str, epoch: int, seq: int, up_to: int) -> None:
        """Read for one tab or poller, and written to it."""
        self._add(user_id, epoch, seq, up_to, 1)

    def acknowledged(self, session: str, tab: Tab, seq: int) -> None:
        """The tab has shown all up to there. Without room for it, its next word stands for this one too."""
        known = self._gathered.acknowledged.get(session)
        if known is not None:
            known.up_to, known.at = seq, time()
        elif self._has_room("acknowledged"):
            said = Acknowledged(tab.user_id, tab.epoch, tab.shown + 1, seq, tab.sent_from, time())
            self._gathered.acknowledged[session] = said
        else:
            return
        tab.shown = seq

    def _add(self, user_id: str, epoch: int, seq: int, up_to: int, tabs: int) -> None:
        ranges = self._gathered.pushed.get(user_id)
        if ranges:
            is_full = self._gathered.count >= self._at_most // 2
            if len(ranges) >= (RANGES_A_USER_WHEN_FULL if is_full else RANGES_A_USER):
                self._gathered.count -= _merge(ranges)
        if self._has_room("pushed"):
            pushed = Pushed(epoch, seq, up_to, tabs, time())
            self._gathered.pushed.setdefault(user_id, []).append(pushed)

    def _has_room(self, what: What) -> bool:
        if self._gathered.count < self._at_most:
            self._gathered.count += 1
            return True
        self._lost[what] += 1
        return False

    # -------------------------------------------------------------- told

    async def keep_telling(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self._say_what_is_lost()
            await self.tell()

    async def tell(self) -> None:
        """What was gathered until now, kept at until it is told. When cancelled, the rest remains to be."""
        if not self._in_hand and not self._sealed.count:
            self._sealed, self._gathered = self._gathered, Gathered()
            self._items = self._sealed.drain()
        while batch := self._in_hand or self._next():
            self._in_hand = batch
            await wire.keep_sending(self._publisher, batch.message)
            self._in_hand = None
            PUBLISHED.inc(batch.count)

    async def drain(self, seconds: float) -> None:
        """Tell all there is, at most so long; what is left then is lost, and said to be."""
        try:
            async with asyncio.timeout(seconds):
                while self.pending:
                    await self.tell()
        except TimeoutError:
            self._lost.update(self._in_hand.counts if self._in_hand else {})
            self._lost.update(what for what, _ in [*self._items, *self._gathered.drain()])
        self._say_what_is_lost()

    def _next(self) -> _Batch | None:
        items: dict[What, list[Item]] = {"pushed": [], "acknowledged": []}
        for what, item in islice(self._items, IN_A_MESSAGE):
            items[what].append(item)
        counts = {what: len(of_them) for what, of_them in items.items()}
        if not any(counts.values()):
            return None
        self._number += 1
        message = wire.message(self.gateway, self._number, items["pushed"], items["acknowledged"])
        return _Batch(message, counts)

    def _say_what_is_lost(self) -> None:
        lost, self._lost = self._lost, Tally()
        if lost:
            for what, count in lost.items():
                LOST.labels(what).inc(count)
            log.error("receipts.lost", pushed=lost["pushed"], acknowledged=lost["acknowledged"])


def _item(user_id: str, receipt: Pushed | Acknowledged) -> Item:
    return {
        "user_id": user_id,
        "epoch": receipt.epoch,
        "seq": receipt.seq,
        "up_to": receipt.up_to,
        "at": datetime.fromtimestamp(receipt.at, UTC),
    }


def _merge(ranges: list[Pushed]) -> int:
    """Make one of those that meet, of the fewest tabs: never more than happened. Returns how many went."""
    before = len(ranges)
    ranges.sort(key=lambda each: (each.epoch, each.seq))
    merged = ranges[:1]
    for each in ranges[1:]:
        last = merged[-1]
        if each.epoch == last.epoch and each.seq <= last.up_to + 1:
            last.up_to, last.at = max(last.up_to, each.up_to), max(last.at, each.at)
            last.tabs = min(last.tabs, each.tabs)
        else:
            merged.append(each)
    ranges[:] = merged
    return before - len(merged)
