"""Tabs, pollers and pushes in every order: no hole, no stale count, no stale balance."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
from prometheus_client import REGISTRY

from shared.events import Lane
from shared.events.notifier import BalanceChanged, NotificationCreated, NotificationRead
from shared.messaging import Publisher
from shared.streams import Cursor, Head, HeadsAnswer, StreamAnswer
from ws_gateway.domain import Limits
from ws_gateway.handlers.channel import Tab
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.polling import poll
from ws_gateway.handlers.receipts import Receipts

USER = "user-1"
NOBODY = Publisher("amqp://nobody@127.0.0.1:1/", "tests")  # Receipts are for nobody here.


class Stream:
    """One user's stream. A read sees it as it is when it begins, and may be kept waiting afterwards."""

    def __init__(self) -> None:
        self.items: list[NotificationCreated] = []
        self.unread = self.rev = 0
        self.balances: dict[str, BalanceChanged] = {}
        self.reads = 0
        self._gates: list[asyncio.Event] = []

    def gate(self) -> asyncio.Event:
        """The next read that has none yet is answered when this is set."""
        self._gates.append(asyncio.Event())
        return self._gates[-1]

    def notify(self, seconds_ago: float = 0) -> bytes:
        self.unread, self.rev = self.unread + 1, self.rev + 1
        item = NotificationCreated(
            user_id=USER, epoch=1, seq=len(self.items) + 1, id=uuid4(), kind="credit.added", lane=Lane.HIGH,
            icon="💰", title="Credits Added", body="$1.00 added", text="💰 Credits Added - $1.00 added",
            link="/history", toast=True, amount="+1.00", currency="USD", transfer_id=None,
            occurred_at=datetime.now(UTC) - timedelta(seconds=seconds_ago), read=False, unread=self.unread,
            rev=self.rev,
        )  # fmt: skip
        self.items.append(item)
        return batch(item)

    def read_all(self) -> bytes:
        self.unread, self.rev, seq = 0, self.rev + 1, len(self.items)
        read = NotificationRead(user_id=USER, epoch=1, seq=seq, read_seq=seq, ids=(), unread=0, rev=self.rev)
        return batch(read)

    def move(self, currency: str, posted_minor: int) -> bytes:
        known = self.balances.get(currency)
        version = known.version + 1 if known else 1
        changed = BalanceChanged(
            user_id=USER, currency=currency, posted_minor=posted_minor, held_minor=0, version=version
        )
        self.balances[currency] = changed
        return batch(changed)

    async def read(self, user_id: str, after: Cursor | None) -> StreamAnswer:
        self.reads += 1
        answer = StreamAnswer(
            user_id=user_id,
            reset=False,
            items=[] if after is None else self.items[after.seq :],
            head=f"1:{len(self.items)}",
            unread=self.unread,
            rev=self.rev,
            read_seq=len(self.items) - self.unread,
            balances=list(self.balances.values()),
        )
        if self._gates:
            await self._gates.pop(0).wait()
        return answer

    async def heads(self, user_ids: list[str]) -> HeadsAnswer:
        versions = {currency: balance.version for currency, balance in self.balances.items()}
        head = Head(1, len(self.items), self.rev)
        return HeadsAnswer(heads=dict.fromkeys(user_ids, head), balances=dict.fromkeys(user_ids, versions))


def batch(item: NotificationCreated | NotificationRead | BalanceChanged) -> bytes:
    return orjson.dumps({"items": [item.model_dump(mode="json")]})


@dataclass
class Screen:
    """What a browser makes of the bytes it is sent."""

    seqs: list[int] = field(default_factory=list)
    unread: int = 0
    rev: int = -1
    balances: dict[str, tuple[int, str]] = field(default_factory=dict)
    live: bool = False
    dropped: list[int] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        while data:
            size, start = data[1], 2
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(data[2:start], "big")
            self._show(orjson.loads(data[start : start + size]))
            data = data[start + size :]

    def drop(self, code: int, _: str) -> None:
        self.dropped.append(code)

    def _show(self, frame: dict[str, object]) -> None:
        match frame:
            case {"type": "batch", "frames": list(frames)}:
                for each in frames:
                    self._show(each)
            case {"type": "notification", "seq": int(seq)}:
                self.seqs.append(seq)
            case {"type": "live", "balances": list(balances)}:
                self.live = True
                for each in balances:
                    self._balance(each)
            case {"type": "balance"}:
                self._balance(frame)
        match frame:
            case {"rev": int(rev), "unread": int(unread)} if rev > self.rev:
                self.rev, self.unread = rev, unread

    def _balance(self, frame: dict[str, object]) -> None:
        currency, version = str(frame["currency"]), int(str(frame["version"]))
        if version > self.balances.get(currency, (-1, ""))[0]:
            self.balances[currency] = version, str(frame["posted"])

    def shows(self, stream: Stream) -> bool:
        return (
            self.seqs,
            self.unread,
            {currency: version for currency, (version, _) in self.balances.items()},
        ) == (
            list(range(1, len(stream.items) + 1)),
            stream.unread,
            {currency: balance.version for currency, balance in stream.balances.items()},
        )


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def repaired(hub: Hub) -> None:
    await hub.compare_heads()
    async with asyncio.timeout(5):
        while hub._repairing:
            await asyncio.sleep(0.01)


async def join(hub: Hub, *, after: int = 0) -> tuple[Screen, asyncio.Task[None]]:
    screen = Screen()
    joining = asyncio.create_task(hub.join(Tab(USER, screen), Cursor(1, after), {"type": "welcome"}))
    await settled()
    return screen, joining


def deliver(hub: Hub, messages: Sequence[bytes]) -> None:
    for message in messages:
        hub.stored(message)


async def test_a_join_that_reads_ahead_of_the_broker_takes_nothing_from_the_other_tabs() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    first, _ = await join(hub)
    late = [stream.notify(), stream.move("USD", 100), stream.move("EUR", 100)]
    second, _ = await join(hub)

    deliver(hub, late)

    assert first.shows(stream)
    assert second.shows(stream)


async def test_what_was_lost_on_the_way_reaches_tabs_although_another_tab_has_read_it() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    first, _ = await join(hub)
    lost = [stream.notify(), stream.notify(), stream.read_all(), stream.move("USD", 100)]
    second, _ = await join(hub)

    await repaired(hub)

    assert lost
    assert first.shows(stream)
    assert second.shows(stream)


def measured() -> tuple[float, float, float]:
    """How many were pushed, how many of them were timed, and how long these took together."""
    lane = {"lane": "high"}
    names = (
        "gateway_pushed_total",
        "gateway_commit_to_push_seconds_count",
        "gateway_commit_to_push_seconds_sum",
    )
    pushed, timed, seconds = (REGISTRY.get_sample_value(name, lane) or 0 for name in names)
    return pushed, timed, seconds


async def test_what_is_found_by_comparing_heads_counts_as_late_as_it_comes_and_once() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    screen, joining = await join(hub)
    await joining
    pushed, timed, seconds = measured()
    lost = stream.notify(seconds_ago=4)

    await repaired(hub)

    assert screen.shows(stream)
    after = measured()
    assert after[:2] == (pushed + 1, timed + 1)
    assert 4 <= after[2] - seconds < 60
    deliver(hub, [lost])
    assert measured() == after


async def test_what_waits_for_a_hole_is_not_counted_before_it_is_written() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    screen, joining = await join(hub)
    await joining
    pushed, timed, _ = measured()
    first, second = stream.notify(), stream.notify()

    deliver(hub, [second])
    assert (screen.seqs, measured()[:2]) == ([], (pushed, timed))
    deliver(hub, [first])

    assert (screen.seqs, measured()[:2]) == ([1, 2], (pushed + 2, timed + 2))


async def test_what_is_replayed_to_a_tab_that_was_away_is_not_counted() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    for _ in range(2):
        stream.notify(seconds_ago=4)
    before = measured()

    screen, joining = await join(hub)
    await joining

    assert screen.shows(stream)
    assert measured() == before


async def test_a_read_and_a_balance_that_were_lost_are_found_by_comparing_heads() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    screen, _ = await join(hub)
    deliver(hub, [stream.notify(), stream.move("EUR", 5)])
    stream.read_all()
    await repaired(hub)
    assert screen.shows(stream)

    stream.move("USD", 100)
    await repaired(hub)

    assert screen.shows(stream)


async def test_two_first_reads_that_overtake_each_other_leave_no_hole() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    slow, quick = stream.gate(), stream.gate()
    old, old_joining = await join(hub)
    deliver(hub, [stream.notify(), stream.move("USD", 100)])
    new, _ = await join(hub)

    quick.set()
    await settled()
    slow.set()
    await old_joining
    deliver(hub, [stream.notify()])

    assert new.shows(stream)
    assert old.shows(stream)


async def test_a_stream_that_has_gone_back_sends_everybody_to_the_start() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    stream.notify()
    screen, _ = await join(hub)
    stream.items.clear()
    stream.rev = stream.unread = 0

    late, joining = await join(hub)
    await joining

    assert screen.dropped == [1012]
    assert late.dropped == [1012]


async def test_a_poll_is_woken_by_what_another_tab_has_read_already() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    await join(hub)
    known = await poll(hub, USER, Cursor(1, 0), known_etag="", wait=0)
    assert known is not None
    waiting = asyncio.create_task(poll(hub, USER, Cursor(1, 0), known_etag=known.etag, wait=20))
    await settled()
    late = stream.move("USD", 100)
    await join(hub)

    deliver(hub, [late])

    news = await asyncio.wait_for(waiting, 5)
    assert news is not None
    assert news.etag != known.etag


async def test_a_poll_from_an_older_cursor_is_answered_whatever_its_tag() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    stream.notify()
    first = await poll(hub, USER, Cursor(1, 0), known_etag="", wait=0)
    assert first is not None

    again = await poll(hub, USER, Cursor(1, 0), known_etag=first.etag, wait=5)
    current = await poll(hub, USER, Cursor(1, 1), known_etag=first.etag, wait=0)

    assert again == first
    assert current is None


async def test_what_a_tab_is_sent_begins_after_its_cursor_or_with_the_next_that_comes() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    for _ in range(99):
        stream.notify()

    async def joined(after: Cursor | None) -> Tab:
        tab = Tab(USER, Screen())
        await hub.join(tab, after, {"type": "welcome"})
        return tab

    tabs = [await joined(after) for after in (Cursor(1, 0), Cursor(1, 98), Cursor(1, 99), None)]
    deliver(hub, [stream.notify()])

    assert [tab.sent_from for tab in tabs] == [1, 99, 100, 100]
    assert [tab.seq for tab in tabs] == [100] * 4


async def test_a_tab_acknowledges_what_was_unread_when_it_came_and_fits_the_page_it_began_with() -> None:
    stream = Stream()
    hub = Hub(stream, Limits(), Receipts(NOBODY))
    for _ in range(120):
        stream.notify()

    async def known(after: int) -> int:
        tab = Tab(USER, Screen())
        await hub.join(tab, Cursor(1, after), {"type": "welcome"})
        return tab.shown

    assert [await known(after) for after in (0, 30, 120)] == [0, 0, 70]
    stream.read_all()
    assert [await known(after) for after in (0, 30, 120)] == [0, 30, 120]
