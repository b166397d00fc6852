"""What the broker has lost comes once more, minutes later; who has it all hears nothing of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest

from shared.db import Database
from shared.events import Envelope, Event
from shared.events.credit import CreditAdded, CreditDeducted
from shared.events.letter import LetterDiscarded
from shared.inbox import Subscriber
from shared.messaging import BatchConsumer, BrokerAway, Delivery, Message, Publisher
from shared.messaging.packs import MAX_PACK_BYTES, InvalidPack, packed, unpacked
from shared.messaging.topology import events_exchange, recap_key, recap_queue
from shared.outbox import Outbox, OutboxTransaction, Recap, mark_sent, write
from shared.testing.deliveries import added, envelope_of, message_of
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

USER = "user-of-the-recap"


def deducted() -> CreditDeducted:
    return CreditDeducted(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=250,
        balance_after=250,
        held_after=0,
        version=2,
        reason="WhatsApp",
    )


@pytest.fixture
async def publisher(namespace: Namespace) -> AsyncIterator[Publisher]:
    """As the credit service."""
    publisher = Publisher(namespace.broker_url("credit"), "recap")
    async with working(publisher.run):
        await publisher.linked.wait()
        yield publisher


@pytest.fixture
async def heard(namespace: Namespace, db: Database) -> AsyncIterator[Counter[UUID]]:
    """What the payment service handles, which hears only of additions."""
    handled: Counter[UUID] = Counter()

    async def handle(_: OutboxTransaction, envelope: Envelope, __: CreditAdded) -> None:
        handled[envelope.id] += 1

    subscriber = Subscriber(
        Outbox(db, "amqp://nobody@127.0.0.1:1/", "payment"),
        db.probe,
        namespace.broker_url("payment"),
        "payment",
        {CreditAdded: handle},
    )
    async with working(*subscriber.works.values()):
        yield handled


async def sent_and_lost(db: Database, *events: Event) -> list[UUID]:
    """The broker has confirmed them, and then it lost them."""
    ids = [uuid4() for _ in events]
    async with db.transaction() as tx:
        for id_, event in zip(ids, events, strict=True):
            await write(tx, id_, USER, event)
        await mark_sent(tx, ids)
    return ids


async def kept(db: Database, ids: list[UUID]) -> int:
    async with db.autocommit() as tx:
        row = await tx.fetchrow("SELECT count(*) AS kept FROM sent WHERE id = ANY($1)", ids)
    assert row is not None
    return int(row["kept"])


async def test_what_was_lost_is_told_once_more_and_handled_once(
    db: Database, publisher: Publisher, heard: Counter[UUID]
) -> None:
    ids = await sent_and_lost(db, added(), added())
    recap = Recap(db, publisher, "credit", after_seconds=0)

    async def heard_both() -> bool:
        return heard.keys() >= set(ids)

    async with working(recap.run):
        await until(heard_both)

    assert [heard[id_] for id_ in ids] == [1, 1]
    assert await kept(db, ids) == 0


async def test_who_has_it_hears_nothing_again_and_nobody_what_is_not_for_them(
    db: Database, publisher: Publisher, heard: Counter[UUID]
) -> None:
    first = envelope_of(added(), USER)
    await publisher.send_batch([message_of(first)])

    async def heard_it() -> bool:
        return heard[first.id] == 1

    await until(heard_it)
    foreign, last = await sent_and_lost(db, deducted(), added())
    async with db.transaction() as tx:
        await write(tx, first.id, USER, added())
        await mark_sent(tx, [first.id])
    await Recap(db, publisher, "credit", after_seconds=0).tell_batch()

    async def heard_the_last() -> bool:
        return heard[last] == 1

    await until(heard_the_last)
    async with db.autocommit() as tx:
        parked = await tx.fetch("SELECT id FROM parked_event WHERE id = $1", foreign)
    assert heard[first.id] == 1
    assert foreign not in heard
    assert parked == []


async def test_a_discard_is_told_once_more_to_the_notifier_and_keeps_nothing_from_the_others(
    namespace: Namespace, db: Database, publisher: Publisher, heard: Counter[UUID]
) -> None:
    discarded = LetterDiscarded(
        event_id=uuid4(), event_type="payment.succeeded.v1", service="credit", by="olga", reason="By hand"
    )
    [letter] = await sent_and_lost(db, discarded)
    [money] = await sent_and_lost(db, added())
    told: set[str] = set()

    async def take(packs: Sequence[Delivery]) -> None:
        told.update(str(each.headers["cloudEvents:id"]) for pack in packs for each in unpacked(pack))

    queue = recap_queue("notifier")
    notifier = BatchConsumer(namespace.broker_url("notifier"), queue, take, name=queue)
    await Recap(db, publisher, "credit", after_seconds=0).tell_batch()

    async def heard_it() -> bool:
        return heard[money] == 1 and told >= {str(letter), str(money)}

    async with working(notifier.run):
        await until(heard_it)


async def test_what_was_sent_a_moment_ago_is_not_told_yet(db: Database, publisher: Publisher) -> None:
    ids = await sent_and_lost(db, added())

    await Recap(db, publisher, "credit", after_seconds=60).tell_batch()

    assert await kept(db, ids) == 1


async def test_without_a_confirm_it_stays_to_be_told(db: Database) -> None:
    ids = await sent_and_lost(db, added())
    unlinked = Publisher("amqp://nobody@127.0.0.1:1/", "recap")

    with pytest.raises(BrokerAway):
        await Recap(db, unlinked, "credit", after_seconds=0).tell_batch()

    assert await kept(db, ids) == 1


async def test_a_recap_that_cannot_be_read_is_parked(
    db: Database, publisher: Publisher, heard: Counter[UUID]
) -> None:
    junk = Message(events_exchange("credit"), recap_key("credit"), uuid4().hex, b'[{"key": ')
    await publisher.send_batch([junk])

    async def reason() -> str:
        async with db.autocommit() as tx:
            row = await tx.fetchrow("SELECT reason FROM parked_event WHERE body = $1", junk.body)
        return "" if row is None else str(row["reason"])

    assert "is missing" in await until(reason)
    assert heard.total() == 0


def test_what_is_packed_comes_out_as_it_was() -> None:
    messages = [message_of(envelope_of(added(), USER)) for _ in range(2000)]
    bodies = list(packed(messages))

    out = [event for body in bodies for event in unpacked(pack(body))]

    assert [(each.routing_key, each.headers, each.body) for each in out] == [
        (each.routing_key, each.headers, each.body) for each in messages
    ]
    assert len(bodies) > 1
    assert max(map(len, bodies)) < MAX_PACK_BYTES + 2000


@pytest.mark.parametrize(
    "body", [b"", b'{"key": 1}', b"[1]", b'[{"key": "k"}]', b'[{"key": "k", "headers": 1, "body": "b"}]']
)
def test_a_pack_of_anything_else_is_none(body: bytes) -> None:
    with pytest.raises(InvalidPack):
        unpacked(pack(body))


def pack(body: bytes) -> Delivery:
    return Delivery(1, recap_key("credit"), None, redelivered=False, headers={}, body=body)
