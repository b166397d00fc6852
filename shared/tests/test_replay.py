"""A try leaves its trace: it is counted once, and one that comes to no end does not strand its event."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from shared.db import Database
from shared.db.database import UNREACHABLE
from shared.events import Envelope
from shared.events.credit import CreditAdded
from shared.inbox import WAITING, ParkedEvent, Subscriber, park
from shared.inbox.parked import MAX_ATTEMPTS
from shared.messaging import Delivery
from shared.outbox import Outbox, OutboxTransaction
from shared.testing.deliveries import added, delivery_of, envelope_of
from shared.testing.namespace import Namespace

if TYPE_CHECKING:
    from asyncpg import Record

USER = "user-of-the-replays"
REASON = "it cannot be handled: LookupError"


class Service:
    """Handles an event as it is told to: well, in vain, never, or so that the database ends its session."""

    def __init__(self, db: Database, broker_url: str) -> None:
        self.does = "well"
        self.tries = 0
        self.began = asyncio.Event()
        outbox = Outbox(db, "amqp://nobody@127.0.0.1:1/", "payment")
        subscriber = Subscriber(outbox, db.probe, broker_url, "payment", {CreditAdded: self._handle})
        self.letters = subscriber.letters
        self.receive = subscriber._handle
        self.retry = subscriber._parked._handle

    async def _handle(self, tx: OutboxTransaction, _: Envelope, __: CreditAdded) -> None:
        self.tries += 1
        self.began.set()
        if self.does == "in vain":
            raise LookupError("a defect of ours")
        if self.does == "never":
            await asyncio.Event().wait()
        if self.does == "cut off":
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def service(namespace: Namespace, db: Database) -> Service:
    return Service(db, namespace.broker_url("payment"))


async def parked(db: Database, delivery: Delivery) -> UUID:
    letter = ParkedEvent("payment.events", REASON, delivery)
    async with db.transaction() as tx:
        await park(tx, letter)
    return letter.id


def came() -> Delivery:
    return delivery_of(envelope_of(added(), USER))


def story(letter: Record) -> tuple[str, str, int]:
    return letter["state"], letter["reason"], letter["attempts"]


async def test_every_try_is_counted_once(db: Database, service: Service) -> None:
    delivery, service.does = came(), "in vain"
    await service.receive("payment.events", [delivery])
    id_ = UUID(str(delivery.message_id))

    stories = [story(await service.letters.replay(id_)) for _ in range(10)]
    await asyncio.gather(service.letters.replay(id_), service.letters.replay(id_))
    await service.receive("payment.events", [delivery])
    await service.retry([delivery])

    assert stories == [("parked", REASON, tries) for tries in range(2, 12)]
    assert story(await service.letters.one(id_)) == ("parked", REASON, service.tries)
    service.does = "well"
    assert story(await service.letters.replay(id_)) == ("handled", REASON, service.tries)


async def test_a_replay_that_the_database_interrupts_is_parked_as_it_was(
    db: Database, service: Service
) -> None:
    id_, service.does = await parked(db, came()), "cut off"

    for tries in range(2, 5):
        with pytest.raises(UNREACHABLE):
            await service.letters.replay(id_)
        assert story(await service.letters.one(id_)) == ("parked", REASON, tries)

    service.does = "well"
    assert story(await service.letters.replay(id_)) == ("handled", REASON, 5)


async def test_a_replay_that_is_cancelled_is_parked_as_it_was(db: Database, service: Service) -> None:
    id_, service.does = await parked(db, came()), "never"
    replay = asyncio.create_task(service.letters.replay(id_))
    await service.began.wait()
    under_way = story(await service.letters.one(id_))

    replay.cancel()
    await asyncio.gather(replay, return_exceptions=True)

    assert under_way == ("attempting", REASON, 2)
    assert story(await service.letters.one(id_)) == ("parked", REASON, 2)


async def test_what_comes_to_no_end_twice_is_tried_by_operators_only(db: Database, service: Service) -> None:
    delivery, service.does = came(), "cut off"
    id_ = UUID(str(delivery.message_id))

    for tries in range(1, MAX_ATTEMPTS + 1):
        with pytest.raises(UNREACHABLE):
            await service.retry([delivery])
        assert story(await service.letters.one(id_)) == ("attempting", "the broker gave up on it", tries)
    await service.retry([delivery])
    given_up = story(await service.letters.one(id_))
    await service.retry([delivery])
    service.does = "in vain"
    again = story(await service.letters.replay(id_))

    assert given_up == ("parked", "no try came to an end", MAX_ATTEMPTS)
    assert again == ("parked", REASON, MAX_ATTEMPTS + 1)
    assert service.tries == MAX_ATTEMPTS + 1


async def test_why_it_was_parked_is_known_after_a_try_that_came_to_no_end(
    db: Database, service: Service
) -> None:
    delivery = came()
    id_, service.does = await parked(db, delivery), "cut off"
    waiting = await service.letters.waiting()

    with pytest.raises(UNREACHABLE):
        await service.retry([delivery])

    assert story(await service.letters.one(id_)) == ("attempting", REASON, 2)
    assert (await service.letters.many(WAITING, None, 1)).items[0]["id"] == id_
    assert await service.letters.waiting() == waiting
    service.does = "well"
    assert story(await service.letters.replay(id_)) == ("handled", REASON, 3)


@pytest.mark.parametrize("id_", ["no id", "", "\x00", 7, None])
async def test_one_without_a_readable_id_is_the_same_when_it_is_replayed(
    db: Database, service: Service, id_: object
) -> None:
    delivery = came()
    unreadable = replace(delivery, headers={**delivery.headers, "cloudEvents:id": id_}, message_id=None)
    await service.receive("payment.events", [unreadable])
    [found] = (await service.letters.many(WAITING, None, 1)).items

    again = await service.letters.replay(found["id"])

    assert story(again) == ("parked", "id or time is malformed", 2)
    assert (await service.letters.many(WAITING, None, 1)).items[0]["id"] == found["id"]
