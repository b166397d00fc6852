"""An event is handled once, with what it causes, and one that cannot be handled is in nobody's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.db import Database
from shared.db.database import Contended
from shared.events import Envelope
from shared.events.credit import CreditAdded, CreditRejected
from shared.events.payment import PaymentCompleted
from shared.inbox import Subscriber
from shared.messaging import Message, Publisher
from shared.outbox import Outbox, OutboxTransaction
from shared.testing.deliveries import added, envelope_of, message_of
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

USER = "user-of-the-subscriber"


class Payments:
    """Stands in for the payment service: completes what was added, and stumbles where it is told to."""

    def __init__(self) -> None:
        self.seen: Counter[UUID] = Counter()

    async def complete(self, tx: OutboxTransaction, envelope: Envelope, event: CreditAdded) -> None:
        self.seen[envelope.id] += 1
        completed = PaymentCompleted(**event.model_dump(exclude={"source", "reason"}), payment_id=uuid4())
        await tx.publish(envelope.subject, completed)
        if event.reference == "defect":
            raise LookupError("a defect of ours")
        if event.reference == "contended" and self.seen[envelope.id] == 1:
            raise Contended("somebody else was in the way")
        if event.reference == "session ended" and self.seen[envelope.id] == 1:
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation is in progress")

    async def ignore(self, _: OutboxTransaction, envelope: Envelope, __: CreditRejected) -> None:
        self.seen[envelope.id] += 1


Publish = Callable[..., Awaitable[None]]


@pytest.fixture
async def publish(namespace: Namespace) -> AsyncIterator[Publish]:
    publisher = Publisher(namespace.admin_broker_url, "tests")

    async def send(*messages: Message) -> None:
        await publisher.linked.wait()
        receipt = await publisher.send_batch(messages)
        assert len(receipt.confirmed) == len({message.message_id for message in messages})

    async with working(publisher.run):
        yield send


@pytest.fixture
async def payments(namespace: Namespace, db: Database) -> AsyncIterator[Payments]:
    """Listening, with an outbox that never reaches a broker: what it writes stays to be looked at."""
    doing = Payments()
    subscriber = Subscriber(
        Outbox(db, "amqp://nobody@127.0.0.1:1/", "payment"),
        db.probe,
        namespace.broker_url("payment"),
        "payment",
        {CreditAdded: doing.complete, CreditRejected: doing.ignore},
    )
    async with working(*subscriber.works.values()):
        yield doing


async def written(db: Database, transfer_id: UUID) -> int:
    """How many events were written about a transfer."""
    async with db.autocommit() as tx:
        row = await tx.fetchrow(
            "SELECT count(*) AS events FROM outbox WHERE data ->> 'transfer_id' = $1", str(transfer_id)
        )
    assert row is not None
    return int(row["events"])


async def parked_reason(db: Database, envelope: Envelope) -> str:
    async def reason() -> str:
        async with db.autocommit() as tx:
            row = await tx.fetchrow("SELECT reason FROM parked_event WHERE id = $1", envelope.id)
        return "" if row is None else str(row["reason"])

    return await until(reason)


async def test_an_event_that_comes_again_changes_nothing(
    db: Database, payments: Payments, publish: Publish
) -> None:
    event = added()
    envelope, last = envelope_of(event, USER), envelope_of(added(), USER)
    await publish(message_of(envelope))
    await publish(message_of(envelope), message_of(last))

    async def heard_the_last() -> bool:
        return payments.seen[last.id] == 1

    async def committed() -> bool:
        return await written(db, event.transfer_id) == 1

    await until(heard_the_last)
    await until(committed)
    assert payments.seen[envelope.id] == 1


async def test_what_it_causes_names_its_cause(db: Database, payments: Payments, publish: Publish) -> None:
    event = added()
    envelope = envelope_of(event, USER)
    await publish(message_of(envelope))

    async def caused() -> str:
        async with db.autocommit() as tx:
            row = await tx.fetchrow(
                "SELECT causation_id FROM outbox WHERE data ->> 'transfer_id' = $1", str(event.transfer_id)
            )
        return "" if row is None else str(row["causation_id"])

    assert await until(caused) == str(envelope.id)


async def test_a_defect_parks_its_event_with_nothing_done_and_the_others_go_on(
    db: Database, payments: Payments, publish: Publish
) -> None:
    bad, good = added("defect"), added()
    refused = envelope_of(bad, USER)
    await publish(message_of(refused), message_of(envelope_of(good, USER)))

    assert await parked_reason(db, refused) == "it cannot be handled: LookupError"
    assert await written(db, bad.transfer_id) == 0

    async def went_on() -> bool:
        return await written(db, good.transfer_id) == 1

    await until(went_on)


async def test_what_cannot_be_read_is_parked(db: Database, payments: Payments, publish: Publish) -> None:
    envelope = envelope_of(added(), USER)
    message = message_of(envelope)
    await publish(Message(message.exchange, message.routing_key, message.message_id, b"{}", message.headers))

    assert "transfer_id: missing" in await parked_reason(db, envelope)


async def test_contention_is_tried_again_and_leaves_one_effect(
    db: Database, payments: Payments, publish: Publish
) -> None:
    event = added("contended")
    envelope = envelope_of(event, USER)
    await publish(message_of(envelope))

    async def tried_again() -> bool:
        return payments.seen[envelope.id] == 2 and await written(db, event.transfer_id) == 1

    await until(tried_again)


async def test_an_event_whose_session_was_ended_comes_again_and_is_not_parked(
    db: Database, payments: Payments, publish: Publish
) -> None:
    event = added("session ended")
    envelope = envelope_of(event, USER)
    await publish(message_of(envelope))

    async def handled() -> bool:
        return await written(db, event.transfer_id) == 1

    await until(handled)
    async with db.autocommit() as tx:
        assert await tx.fetch("SELECT id FROM parked_event WHERE id = $1", envelope.id) == []
    assert payments.seen[envelope.id] == 2
