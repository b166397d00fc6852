"""Brings what the notifier has stored to every tab of its owner, in order and without a hole."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from time import time
from typing import Any, Protocol

import orjson
from prometheus_client import Counter, Gauge, Histogram

from shared.events import Lane
from shared.observability.logs import get_logger
from shared.observability.metrics import LATENCY_BUCKETS_SECONDS
from shared.streams import Cursor, HeadsAnswer, StreamAnswer
from ws_gateway.adapters import frames
from ws_gateway.adapters.notifier import StreamsAway
from ws_gateway.domain import RESTART, TOO_MANY, TRY_LATER, Limits, Refused, retry
from ws_gateway.handlers.channel import Channel, Standing, Tab
from ws_gateway.handlers.receipts import Receipts

log = get_logger(__name__)

REPAIR_SECONDS = 0.05  # Lanes overtake each other by milliseconds; a hole that lasts longer is fetched.
COMPARE_SECONDS = 5.0
BATCH_FRAMES = 50
READS = 3
FIRST_PAGE = 50  # Of the history, as the SDK begins with.

TABS = Gauge("gateway_tabs", "Tabs that are connected and known.")
USERS = Gauge("gateway_users", "Users with at least one tab.")
PUSHED = Counter(
    "gateway_pushed_total", "Notifications pushed, by lane; a user's tabs count as one.", ["lane"]
)
DELIVERED = Counter("gateway_delivered_total", "Notifications written to tabs, each tab counted.")
REPAIRED = Counter("gateway_repairs_total", "Streams read again because something was missing.")
LATENCY_SECONDS = Histogram(
    "gateway_commit_to_push_seconds",
    "From the event's commit to the write to its owner's tabs.",
    ["lane"],
    buckets=LATENCY_BUCKETS_SECONDS,
)

# Looked up once: finding a labelled child costs more than counting with it.
_LANES = {lane.value: lane for lane in Lane}
_PUSHED = {lane: PUSHED.labels(lane.value) for lane in Lane}
_LATENCY = {lane: LATENCY_SECONDS.labels(lane.value) for lane in Lane}


class Reader(Protocol):
    """Where streams are read; StreamReader is it."""

    async def read(self, user_id: str, after: Cursor | None) -> StreamAnswer: ...

    async def heads(self, user_ids: list[str]) -> HeadsAnswer: ...


class Hub:
    """All connected users of this process."""

    def __init__(self, reader: Reader, limits: Limits, receipts: Receipts) -> None:
        self._reader = reader
        self._limits = limits
        self._receipts = receipts
        self._channels: dict[str, Channel] = {}
        self._repairing: dict[str, asyncio.TimerHandle | asyncio.Task[None]] = {}

    # -------------------------------------------------------------- tabs come and go

    async def join(self, tab: Tab, after: Cursor | None, welcome: Mapping[str, object]) -> None:
        """Replay what is after the cursor, then make the tab live.

        The tab is in the live set before the stream is read, so nothing falls between the two.

        Raises:
            Refused: the user has too many tabs, or the stream cannot be read just now.
        """
        channel = self._enter(tab)
        try:
            answer = await self._read(channel, after)
        except StreamsAway:
            raise Refused(TRY_LATER, retry(random.randrange(500, 3000))) from None
        if tab not in channel.tabs:
            return  # Gone meanwhile.
        tab.outgoing.append(frames.frame({**welcome, "resume": "reset" if answer.reset else "ok"}))
        tab.outgoing += _replay(answer)
        reached = Cursor.parse(answer.head)
        tab.go_live(reached)
        tab.sent_from = answer.items[0].seq if answer.items else reached.seq + 1
        tab.shown = _known(tab.sent_from - 1, answer)
        channel.admit(tab)
        if tab.sent_from <= tab.seq:
            self._receipts.replayed(tab.user_id, tab.epoch, tab.sent_from, tab.seq)
        tab.outgoing.append(frames.frame(_live(channel, tab, answer)))
        tab.flush()

    @contextmanager
    def attached(self, tab: Tab) -> Iterator[Callable[[Cursor | None], Awaitable[StreamAnswer]]]:
        """For a poll: in the live set, so that it is woken, without a replay; yields how to read the stream.

        Raises Refused; reading raises StreamsAway.
        """
        channel = self._enter(tab)
        try:
            yield lambda after: self._read(channel, after)
        finally:
            self.leave(tab)

    def polled(self, answer: StreamAnswer) -> None:
        """A poller is told this."""
        if answer.items:
            epoch = Cursor.parse(answer.head).epoch
            self._receipts.replayed(answer.user_id, epoch, answer.items[0].seq, answer.items[-1].seq)

    def _enter(self, tab: Tab) -> Channel:
        channel = self._channels.get(tab.user_id)
        if channel is None:
            channel = self._channels[tab.user_id] = Channel(tab.user_id)
        if len(channel.tabs) >= self._limits.per_user:
            raise Refused(TOO_MANY, retry(30_000))
        channel.tabs.append(tab)
        TABS.inc()
        USERS.set(len(self._channels))
        return channel

    def dismiss(self) -> None:
        """Send away whoever is left at the end: pollers are answered now, not cut off later."""
        for channel in list(self._channels.values()):
            self._restart(channel)

    def leave(self, tab: Tab) -> None:
        channel = self._channels.get(tab.user_id)
        if channel is None or tab not in channel.tabs:
            return
        channel.remove(tab)
        TABS.dec()
        if not channel.tabs:
            del self._channels[tab.user_id]
            USERS.set(len(self._channels))

    async def _read(self, channel: Channel, after: Cursor | None) -> StreamAnswer:
        """The stream after a cursor; a rebuilt stream sends every tab back to the start.

        What is read here is not taken as pushed, but for the channel's first read: the other tabs have still
        to hear of it. Two reads may overtake each other, and one from before the channel's first would miss
        what was pushed to nobody, so it is made again.
        """
        for _ in range(READS):
            answer = await self._reader.read(channel.user_id, after)
            if channel.seq is None or channel.first is None:
                channel.start_at(answer)
                self._flush(channel)
                return answer
            if channel.epoch != Cursor.parse(answer.head).epoch:
                break
            if not Standing.of(answer).is_before(channel.first):
                return answer
        self._restart(channel)
        return answer

    # -------------------------------------------------------------- what the notifier has stored

    def stored(self, body: bytes) -> None:
        """Push one batch from the broker. It is a hint: one that cannot be read costs a comparison."""
        pushed: dict[str, Channel] = {}
        try:
            for item in orjson.loads(body)["items"]:
                channel = self._channels.get(item["user_id"])
                if channel is not None:
                    pushed[channel.user_id] = channel
                    self._push(channel, item)
        except (ValueError, KeyError, TypeError) as error:
            log.error("feed.unreadable", error=repr(error))
            self._repair_soon(self._channels)
        finally:
            for channel in pushed.values():
                self._flush(channel)
                if channel.seq != channel.told:
                    self._receipts.pushed(channel)

    def _push(self, channel: Channel, item: dict[str, Any]) -> None:
        match item.pop("type"):
            case "notification.created":
                self._push_notification(channel, item)
            case "notification.read":
                frame = {"type": "read", **_without_owner(item)}
                channel.counted(item["rev"], item["unread"], item["read_seq"])
                channel.broadcast(frames.frame(frame))
            case "balance.changed":
                if channel.rebalanced(item["currency"], item["version"]):
                    channel.broadcast(frames.frame(frames.balance(item)))
            case "stream.head":
                if channel.seq is not None and (item["epoch"], item["seq"]) > (channel.epoch, channel.seq):
                    self._repair_soon([channel.user_id])

    def _push_notification(self, channel: Channel, item: dict[str, Any]) -> None:
        if channel.seq is not None and item["epoch"] != channel.epoch:
            self._restart(channel)
            return
        origin = _LANES[item["lane"]], datetime.fromisoformat(item["occurred_at"]).timestamp()
        channel.counted(item["rev"], item["unread"])
        frame = frames.frame({"type": "notification", **_without_owner(item)})
        if channel.offer(item["seq"], frame, origin):
            self._repair_soon([channel.user_id])

    def _flush(self, channel: Channel) -> None:
        """Write what was pushed, and count it: here, so that what waited for a hole or was repaired counts as
        late as it is. Replays do not count: their tab was away, and nothing was slow.
        """
        fresh = channel.flush()
        if not fresh:
            return
        DELIVERED.inc(len(fresh) * len(channel.tabs))
        now = time()
        for lane, committed_at in fresh:
            _PUSHED[lane].inc()
            _LATENCY[lane].observe(now - committed_at)

    # -------------------------------------------------------------- what did not come

    async def compare_heads(self) -> None:
        """Find users whose stream is further than what was pushed, and fetch the rest for them."""
        users = [user for user, channel in self._channels.items() if channel.seq is not None]
        if not users:
            return
        try:
            answer = await self._reader.heads(users)
        except StreamsAway:
            return  # The next comparison comes in a few seconds.
        behind = [user for user in users if self._is_behind(user, answer)]
        if behind:
            log.info("heads.behind", users=len(behind))
        self._repair_soon(behind)

    async def keep_comparing(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_SECONDS * random.uniform(0.8, 1.2))
            await self.compare_heads()

    def _is_behind(self, user: str, answer: HeadsAnswer) -> bool:
        channel, head = self._channels.get(user), answer.heads.get(user)
        if channel is None or channel.seq is None or head is None:
            return False
        balances = answer.balances.get(user, {})
        return (head.epoch, head.seq, head.rev) > (channel.epoch, channel.seq, channel.rev) or any(
            version > channel.balances.get(currency, -1) for currency, version in balances.items()
        )

    def _repair_soon(self, users: Iterable[str]) -> None:
        loop = asyncio.get_running_loop()
        for user in users:
            if user not in self._repairing:
                self._repairing[user] = loop.call_later(REPAIR_SECONDS, self._begin_repair, user)

    def _begin_repair(self, user: str) -> None:
        self._repairing[user] = asyncio.create_task(self._repair(user))

    async def _repair(self, user: str) -> None:
        try:
            channel = self._channels.get(user)
            if channel is None or channel.seq is None:
                return
            answer = await self._reader.read(user, Cursor(channel.epoch, channel.seq))
            REPAIRED.inc()
            if answer.reset:  # Rebuilt, or too far ahead.
                self._restart(channel)
                return
            for item in answer.items:
                origin = item.lane, item.occurred_at.timestamp()
                channel.offer(item.seq, frames.frame(_replayed(item.model_dump(mode="json"))), origin)
            if channel.counted(answer.rev, answer.unread, answer.read_seq):
                channel.broadcast(frames.frame(_counts(channel)))
            for balance in answer.balances:
                if channel.rebalanced(balance.currency, balance.version):
                    channel.broadcast(frames.frame(frames.balance(balance.model_dump())))
            self._flush(channel)
            self._receipts.pushed(channel)
        except StreamsAway:
            return  # Comparing heads finds it again.
        finally:
            self._repairing.pop(user, None)

    def _restart(self, channel: Channel) -> None:
        """The stream was rebuilt, or is too far ahead: the tabs come back and are told to load afresh."""
        for tab in list(channel.tabs):
            tab.socket.drop(RESTART, retry(0))
            self.leave(tab)


def _without_owner(item: dict[str, Any]) -> dict[str, Any]:
    del item["user_id"], item["epoch"]
    return item


def _replayed(item: dict[str, Any]) -> dict[str, Any]:
    """A replayed notification carries no count: it would be older than the list it stands in."""
    del item["unread"], item["rev"]
    return _without_owner(item) | {"type": "notification"}


def _known(had: int, answer: StreamAnswer) -> int:
    """What a tab that came with all up to ``had`` need not acknowledge: what was read, or is too far back."""
    return min(had, max(answer.read_seq, had - FIRST_PAGE))


def _replay(answer: StreamAnswer) -> list[bytes]:
    contents: list[Mapping[str, object]] = [_replayed(item.model_dump(mode="json")) for item in answer.items]
    return [
        frames.batch(contents[start : start + BATCH_FRAMES])
        for start in range(0, len(contents), BATCH_FRAMES)
    ]


def _counts(channel: Channel) -> dict[str, object]:
    return {
        "type": "read",
        "seq": channel.seq,
        "read_seq": channel.read_seq,
        "ids": [],
        "unread": channel.unread,
        "rev": channel.rev,
    }


def _live(channel: Channel, tab: Tab, answer: StreamAnswer) -> dict[str, object]:
    """The newer of what was read and what was pushed meanwhile."""
    live = _live_frame(answer) | {"as_of": str(Cursor(channel.epoch, tab.seq))}
    if channel.rev > answer.rev:
        live |= {"unread": channel.unread, "rev": channel.rev}
    return live | {"read_seq": max(channel.read_seq, answer.read_seq)}


def _live_frame(answer: StreamAnswer) -> dict[str, object]:
    return {
        "type": "live",
        "as_of": answer.head,
        "unread": answer.unread,
        "rev": answer.rev,
        "read_seq": answer.read_seq,
        "balances": [_plain_balance(balance.model_dump()) for balance in answer.balances],
    }


def poll_frames(answer: StreamAnswer) -> list[dict[str, object]]:
    """What a socket would have said: the replay, then ``live``."""
    return [*(_replayed(item.model_dump(mode="json")) for item in answer.items), _live_frame(answer)]


def _plain_balance(item: dict[str, Any]) -> dict[str, object]:
    balance = frames.balance(item)
    del balance["type"]
    return balance
