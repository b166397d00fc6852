"""What is gathered of pushes and acknowledgements: exact while there is room, never more than happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared.events import Lane
from shared.events.receipts import EXCHANGE, MAX_ENTRIES, ReceiptBatch
from shared.messaging import BrokerAway, Message, Publisher, Receipt
from ws_gateway.handlers.channel import Channel, Tab
from ws_gateway.handlers.receipts import IN_A_MESSAGE, Receipts

Tried = Callable[[Message], Awaitable[bool | None]]


async def confirmed(_: Message) -> bool | None:
    return True


class Wire(Publisher):
    """Keeps what was tried; ``tried`` says what becomes of it: confirmed, not, or the broker is away."""

    def __init__(self, tried: Tried = confirmed) -> None:
        super().__init__("amqp://nobody@127.0.0.1:1/", "tests")
        self.linked.set()
        self.messages: list[Message] = []
        self._tried = tried

    async def send_batch(self, messages: Sequence[Message], timeout: float = 5) -> Receipt:
        del timeout
        [message] = messages
        self.messages.append(message)
        is_confirmed = await self._tried(message)
        if is_confirmed is None:
            raise BrokerAway("away")
        return Receipt(frozenset([message.message_id] if is_confirmed else []), frozenset())

    @property
    def batches(self) -> list[ReceiptBatch]:
        """Each once, however often it was tried."""
        read = {each.message_id: ReceiptBatch.model_validate_json(each.body) for each in self.messages}
        return list(read.values())

    def pushed(self) -> list[tuple[str, int, int, int, int]]:
        return [
            (each.user_id, each.epoch, each.seq, each.up_to, each.tabs)
            for batch in self.batches
            for each in batch.pushed
        ]

    def acknowledged(self) -> list[tuple[str, str, int, int]]:
        return [
            (each.user_id, each.session, each.seq, each.up_to)
            for batch in self.batches
            for each in batch.acknowledged
        ]


class Nothing:
    """A tab that is written to, and nobody looks at."""

    def write(self, _: bytes) -> None:
        pass

    def drop(self, _: int, __: str) -> None:
        pass


def channel_of(user: str, seq: int = 0) -> Channel:
    return Channel(user, epoch=1, seq=seq, told=seq)


def live_tab(channel: Channel, seq: int) -> Tab:
    tab = Tab(channel.user_id, Nothing(), epoch=1, seq=seq, held=None)
    channel.tabs.append(tab)
    channel.admit(tab)
    return tab


def push(receipts: Receipts, channel: Channel, count: int = 1) -> None:
    assert channel.seq is not None
    for seq in range(channel.seq + 1, channel.seq + count + 1):
        channel.offer(seq, b"", (Lane.HIGH, 0.0))
    receipts.pushed(channel)


def session(number: int) -> str:
    return f"{number:032x}"


async def test_one_after_the_other_is_one_range_for_as_long_as_the_tabs_are_the_same() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire), channel_of("ada", 4)
    live_tab(channel, 4)
    push(receipts, channel)
    push(receipts, channel, 2)
    second = live_tab(channel, 7)
    push(receipts, channel)
    channel.remove(second)
    push(receipts, channel)

    await receipts.tell()

    assert wire.pushed() == [("ada", 1, 5, 7, 1), ("ada", 1, 8, 8, 2), ("ada", 1, 9, 9, 1)]


async def test_what_nobody_was_there_for_is_not_said_to_be_pushed() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire), channel_of("ada")
    push(receipts, channel, 3)
    live_tab(channel, 3)
    push(receipts, channel)

    await receipts.tell()

    assert wire.pushed() == [("ada", 1, 4, 4, 1)]


async def test_a_tab_that_read_ahead_of_the_broker_counts_from_where_it_had_read_to() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire), channel_of("ada")
    live_tab(channel, 0)
    ahead = live_tab(channel, 2)
    receipts.replayed("ada", 1, 1, 2)
    push(receipts, channel)
    push(receipts, channel, 2)
    push(receipts, channel)

    await receipts.tell()

    times = {seq: sum(tabs for _, _, a, b, tabs in wire.pushed() if a <= seq <= b) for seq in range(1, 5)}
    assert times == {1: 2, 2: 2, 3: 2, 4: 2}
    assert ahead.is_reached


async def test_a_session_acknowledges_from_where_it_was_before_and_each_for_itself() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire), channel_of("ada", 9)
    one, two = live_tab(channel, 9), live_tab(channel, 9)
    one.shown, two.shown = 3, 5
    receipts.acknowledged(session(1), one, 6)
    receipts.acknowledged(session(2), two, 9)
    receipts.acknowledged(session(1), one, 7)
    await receipts.tell()
    receipts.acknowledged(session(1), one, 9)

    await receipts.tell()

    assert wire.acknowledged() == [
        ("ada", session(1), 4, 7),
        ("ada", session(2), 6, 9),
        ("ada", session(1), 8, 9),
    ]


async def test_an_acknowledgement_says_from_where_on_the_session_was_sent_it_itself() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire), channel_of("ada", 9)
    tab = live_tab(channel, 9)
    tab.sent_from, tab.shown = 8, 3
    receipts.acknowledged(session(1), tab, 6)
    await receipts.tell()
    receipts.acknowledged(session(1), tab, 7)
    receipts.acknowledged(session(1), tab, 9)

    await receipts.tell()

    said = [each for batch in wire.batches for each in batch.acknowledged]
    assert [(each.seq, each.up_to, each.sent_from) for each in said] == [(4, 6, 8), (7, 9, 8)]


async def test_a_batch_that_is_not_confirmed_is_sent_again_as_it_is_and_nothing_waits_for_it() -> None:
    outcomes = iter([False, None, True, True])

    async def tried(_: Message) -> bool | None:
        outcome = next(outcomes)
        push(receipts, channel)  # Meanwhile there is more.
        return outcome

    wire = Wire(tried)
    receipts, channel = Receipts(wire), channel_of("ada")
    live_tab(channel, 0)
    push(receipts, channel)

    await receipts.tell()
    assert receipts.pending == 1
    await receipts.tell()

    first, *again, last = wire.messages
    assert {(each.message_id, each.body) for each in again} == {(first.message_id, first.body)}
    assert first.exchange == EXCHANGE
    assert last.message_id != first.message_id
    assert wire.pushed() == [("ada", 1, 1, 1, 1), ("ada", 1, 2, 4, 1)]
    assert [batch.number for batch in wire.batches] == [1, 2]


async def test_more_than_a_message_holds_goes_in_several() -> None:
    wire = Wire()
    receipts = Receipts(wire)
    for user in range(2 * IN_A_MESSAGE + 1):
        receipts.replayed(f"user-{user}", 1, 1, 1)
    before = published()

    await receipts.tell()

    assert [len(batch.pushed) for batch in wire.batches] == [IN_A_MESSAGE, IN_A_MESSAGE, 1]
    assert IN_A_MESSAGE <= MAX_ENTRIES
    assert receipts.pending == 0
    assert published() - before == 2 * IN_A_MESSAGE + 1


async def test_ranges_that_meet_are_merged_when_they_are_many_and_claim_no_more_than_was_so() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire), channel_of("ada")
    for _ in range(40):
        live_tab(channel, channel.seq or 0)
        push(receipts, channel)

    assert receipts.pending < 20
    await receipts.tell()

    assert {seq for _, _, a, b, _ in wire.pushed() for seq in range(a, b + 1)} == set(range(1, 41))
    assert all(tabs <= seq for _, _, seq, _, tabs in wire.pushed())


async def test_without_room_pushes_are_counted_as_lost_and_an_acknowledgement_waits_for_the_next() -> None:
    wire = Wire()
    receipts, channel = Receipts(wire, at_most=4), channel_of("ada", 9)
    tab = live_tab(channel, 9)
    for user in range(6):
        receipts.replayed(f"user-{user}", 1, 1, 1)
    receipts.acknowledged(session(1), tab, 5)
    before = lost("pushed"), lost("acknowledged")

    with capture_logs() as logs:
        telling = asyncio.create_task(receipts.keep_telling())
        async with asyncio.timeout(10):
            while receipts.pending:
                await asyncio.sleep(0.01)
        telling.cancel()
    receipts.acknowledged(session(1), tab, 6)
    await receipts.tell()

    [said] = [line for line in logs if line["event"] == "receipts.lost"]
    assert (said["pushed"], said["acknowledged"]) == (2, 1)
    assert (lost("pushed") - before[0], lost("acknowledged") - before[1]) == (2, 1)
    assert wire.acknowledged() == [("ada", session(1), 1, 6)]


async def test_what_cannot_be_told_before_the_end_is_said_to_be_lost() -> None:
    async def away(_: Message) -> bool | None:
        return False

    receipts, channel = Receipts(Wire(away)), channel_of("ada", 9)
    tab = live_tab(channel, 9)
    receipts.replayed("ada", 1, 1, 9)
    telling = asyncio.create_task(receipts.tell())
    await asyncio.sleep(0)
    receipts.acknowledged(session(1), tab, 9)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)

    with capture_logs() as logs:
        await receipts.drain(0.1)

    [said] = [line for line in logs if line["event"] == "receipts.lost"]
    assert (said["pushed"], said["acknowledged"]) == (1, 1)


async def test_what_was_being_told_at_the_end_is_told_under_its_number() -> None:
    never, outcomes = asyncio.Event(), iter([None, True])

    async def stuck_once(_: Message) -> bool | None:
        if next(outcomes) is None:
            await never.wait()
        return True

    wire = Wire(stuck_once)
    receipts = Receipts(wire)
    receipts.replayed("ada", 1, 1, 9)
    telling = asyncio.create_task(receipts.tell())
    await asyncio.sleep(0)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)

    await receipts.drain(5)

    assert len(wire.messages) == 2
    assert wire.pushed() == [("ada", 1, 1, 9, 1)]


@pytest.mark.parametrize("at_most", [0, 1])
async def test_a_bound_that_is_hit_never_stops_a_push(at_most: int) -> None:
    receipts, channel = Receipts(Wire(), at_most=at_most), channel_of("ada")
    live_tab(channel, 0)

    push(receipts, channel, 5)
    push(receipts, channel)

    assert channel.told == 6
    assert receipts.pending == at_most


def published() -> float:
    return REGISTRY.get_sample_value("gateway_receipts_published_total") or 0


def lost(what: str) -> float:
    return REGISTRY.get_sample_value("gateway_receipts_lost_total", {"what": what}) or 0
