"""From a debit to its tab in one process: the real code, real databases, a wire that does what it likes."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid4

import orjson

from credit.adapters import ledger
from credit.adapters.ledger import Deduction
from credit.domain.commands import AddCredits, DeductCredits, Intent
from credit.handlers.accounts import open_account
from credit.handlers.movements import add_credits
from ledgerbell.tab import Frame
from ledgerbell.tab import Tab as Client
from notifier.adapters import streams, wire
from notifier.adapters.push import Push
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.record import Recorder
from notifier.handlers.resume import resume
from notifier.handlers.store import BatchStore
from shared.db import Database, Transaction
from shared.messaging import Delivery, Message, Publisher
from shared.messaging.publisher import Receipt
from shared.money import Money
from shared.outbox import Relay
from shared.streams import Cursor, Head, HeadsAnswer, StreamAnswer, StreamRequest
from shared.testing.crashes import Fuse
from ws_gateway.domain import Limits
from ws_gateway.handlers.channel import Tab
from ws_gateway.handlers.hub import Hub
from ws_gateway.handlers.receipts import Receipts


class CrashingDatabase(Database):
    """Two steps a transaction: the process may end right before its commit, or right after it."""

    def __init__(self, url: str, fuse: Fuse) -> None:
        super().__init__(url, application="machine", pool_size=2)
        self._fuse = fuse

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as tx:
            yield tx
            self._fuse.burn()
        self._fuse.burn()

    autocommit = transaction


class Wire(Publisher):
    """The broker: what it has taken stays in ``queue``. A step each message, and one for the confirms."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__("amqp://nobody@127.0.0.1:1/", "machine")
        self._fuse = fuse
        self.queue: list[Message] = []
        self.confirms = True
        self.linked.set()

    async def send_batch(self, messages: Sequence[Message], timeout: float = 5) -> Receipt:
        del timeout
        for message in messages:
            self._fuse.burn()
            self.queue.append(message)
        self._fuse.burn()
        ids = frozenset(message.message_id for message in messages)
        return Receipt(ids if self.confirms else frozenset(), frozenset())


class StreamDesk:
    """What the gateway asks the notifier, without the way there."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, user_id: str, after: Cursor | None) -> StreamAnswer:
        request = StreamRequest(user_id=user_id, after=None if after is None else str(after))
        async with self._db.autocommit() as tx:
            (found,) = await resume(tx, [request])
        head = found.standing.head
        return StreamAnswer.model_validate(
            {
                "user_id": user_id,
                "reset": found.reset,
                "items": [wire.replayed(row, head) for row in found.rows],
                "head": str(head.cursor),
                "unread": head.unread,
                "rev": head.rev,
                "read_seq": head.read_seq,
                "balances": [wire.balance_changed(each) for each in found.standing.balances],
            }
        )

    async def heads(self, user_ids: list[str]) -> HeadsAnswer:
        async with self._db.autocommit() as tx:
            heads = await streams.heads(tx, user_ids)
            balances = await streams.balances(tx, user_ids)
        return HeadsAnswer(
            heads={user: Head(*head.cursor, head.rev) for user, head in heads.items()},
            balances={
                user: {each.currency: each.version for each in known} for user, known in balances.items()
            },
        )


class Browser:
    """A tab over all its connections: the real client behind a socket of our own."""

    def __init__(self, user: str) -> None:
        self.client = Client("", str, user)
        self.user = user
        self.tab: Tab | None = None
        self._frames: list[Frame] = []

    def write(self, data: bytes) -> None:
        self._frames += _payloads(data)

    def drop(self, code: int, reason: str) -> None:
        del code, reason
        self.tab = None

    def listen(self) -> None:
        """Take what was written. Raises ProtocolBroken."""
        frames, self._frames = self._frames, []
        for frame in frames:
            self.client._apply(frame)


@dataclass(frozen=True, slots=True)
class Seen:
    """Every transfer and whose it is, those whose events are in the outbox, and each user's stream.

    A stream is its newest place by its counter, and what is stored: place, id and transfer.
    """

    committed: dict[UUID, str]
    unsent: set[UUID]
    newest: dict[str, int]
    stored: dict[str, list[tuple[int, UUID, UUID]]]


class Pipeline:
    """Everything that is there while its processes come and go. ``fuse`` says when the next one ends."""

    def __init__(self, credit_url: str, notifier_url: str, users: Sequence[str]) -> None:
        self.fuse = Fuse()
        self.users = users
        self.credit = CrashingDatabase(credit_url, self.fuse)
        self.notifier = CrashingDatabase(notifier_url, self.fuse)
        self.events, self.pushes = Wire(self.fuse), Wire(self.fuse)
        self.relay = Relay(self.credit, self.events, "machine")
        self.store = BatchStore(
            self.notifier, NotificationDispatcher(), Push(self.pushes), "machine", Recorder("machine")
        )
        self.hub = Hub(StreamDesk(self.notifier), Limits(), Receipts(self.pushes))
        self.browsers = [Browser(user) for user in users for _ in range(2)]
        self.handled: list[Message] = []
        self._tags = count(1)

    async def open(self) -> None:
        await self.credit.connect()
        await self.notifier.connect()
        async with self.credit.transaction() as tx:
            await tx.execute("DELETE FROM outbox")  # What one that went wrong has left.
            for user in self.users:
                await open_account(tx, user, Money(0, "USD"))
                funds = AddCredits(_intent(), user, Money(1_000_00, "USD"), "bonus", "funds")
                await add_credits(tx, funds)

    async def close(self) -> None:
        await self.credit.close()
        await self.notifier.close()

    # -------------------------------------------------------------- what processes do

    async def debit(self, user: str) -> None:
        async with self.credit.autocommit() as tx:
            command = DeductCredits(_intent(), user, Money(1, "USD"), f"canary-{user}")
            await ledger.deduct(tx, Deduction.of(command))

    async def publish(self) -> int:
        """One batch of the relay, for which everything is old enough."""
        async with Database.transaction(self.credit) as tx:
            await tx.execute("UPDATE outbox SET occurred_at = occurred_at - interval '1 minute'")
        return await self.relay.relay_batch()

    async def consume(self, places: Sequence[int]) -> None:
        """Handle these messages of the queue, in this order; they are gone once they are acknowledged."""
        messages = [self.events.queue[place] for place in places]
        told = await self.store([self._delivery(message) for message in messages])
        if told is not None:
            await told
        self.handled += messages
        self.events.queue = [each for n, each in enumerate(self.events.queue) if n not in places]

    async def connect(self, browser: Browser) -> None:
        tab = browser.tab = Tab(browser.user, browser)
        welcome = {"type": "welcome", "session": "", "ping_s": 25}
        await self.hub.join(tab, Cursor.parse(browser.client.cursor), welcome)

    def disconnect(self, browser: Browser) -> None:
        if browser.tab is not None:
            self.hub.leave(browser.tab)
            browser.tab = None

    def restart_gateway(self) -> None:
        for browser in self.browsers:
            self.disconnect(browser)
        self.hub = Hub(StreamDesk(self.notifier), Limits(), Receipts(self.pushes))

    async def read_up_to(self, user: str, seq: int) -> None:
        async with self.notifier.transaction() as tx:
            reading = await mark_read_up_to(tx, user, seq)
        if reading.changed:
            self.hub.stored(b'{"items":[' + wire.encode(wire.read(reading.head, reading.ids)) + b"]}")

    # -------------------------------------------------------------- what is there

    async def look(self) -> Seen:
        users = list(self.users)
        async with Database.autocommit(self.credit) as tx:
            booked = await tx.fetch("SELECT id, user_id FROM transfer WHERE user_id = ANY($1)", users)
            unsent = await tx.fetch("SELECT data ->> 'transfer_id' AS id FROM outbox")
        async with Database.autocommit(self.notifier) as tx:
            heads = await streams.heads(tx, users)
            stored = await tx.fetch(
                "SELECT user_id, seq, id, transfer_id FROM notification WHERE user_id = ANY($1) ORDER BY seq",
                users,
            )
        return Seen(
            committed={row["id"]: row["user_id"] for row in booked},
            unsent={UUID(row["id"]) for row in unsent},
            newest={user: head.cursor.seq for user, head in heads.items()},
            stored={
                user: [
                    (row["seq"], row["id"], row["transfer_id"]) for row in stored if row["user_id"] == user
                ]
                for user in users
            },
        )

    def _delivery(self, message: Message) -> Delivery:
        headers: dict[str, object] = dict(message.headers)
        return Delivery(
            next(self._tags), message.routing_key, message.message_id, False, headers, message.body
        )


def poison() -> Message:
    """Nobody can read it."""
    return Message(
        "credit.events", "credit.deducted.v1", str(uuid4()), b"{", {"cloudEvents:id": str(uuid4())}
    )


def transfer_of(message: Message) -> UUID | None:
    """None for poison."""
    try:
        return UUID(orjson.loads(message.body)["transfer_id"])
    except ValueError:
        return None


def _intent() -> Intent:
    return Intent("machine", str(uuid4()), "f")


def _payloads(data: bytes) -> Iterator[Frame]:
    """The server's frames, which are unmasked. Source: RFC 6455, section 5.2."""
    while data:
        length, start = data[1], 2
        if length == 126:
            ((length,), start) = struct.unpack_from(">H", data, 2), 4
        elif length == 127:
            ((length,), start) = struct.unpack_from(">Q", data, 2), 10
        yield orjson.loads(data[start : start + length])
        data = data[start + length :]
