"""What an operator gives up is told, with whose it was and who said so; and only if it was given up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from shared.db import Database
from shared.events.credit import CreditAdded
from shared.events.envelope import MAX_SUBJECT
from shared.events.letter import LetterDiscarded
from shared.inbox import DeadLetters, LetterClosed, ParkedEvent, ParkedStore, Subscriber, park
from shared.inbox.discarding import publish_discarded
from shared.messaging import Delivery
from shared.messaging.watch import DeadWatch
from shared.outbox import Outbox, OutboxTransaction
from shared.testing.deliveries import added, delivery_of, envelope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

USER = "user-of-the-discards"
NOWHERE = "amqp://nobody@127.0.0.1:1/"
SUBJECT = "cloudEvents:subject"


@pytest.fixture
def outbox(db: Database) -> Outbox:
    """It never reaches a broker: what it writes stays to be looked at."""
    return Outbox(db, NOWHERE, "payment")


@pytest.fixture
def letters(db: Database, outbox: Outbox) -> DeadLetters[OutboxTransaction]:
    return Subscriber(outbox, db.probe, NOWHERE, "payment", {}).letters


async def parked(
    db: Database, event: CreditAdded, user: str | None = USER, body: bytes | None = None
) -> UUID:
    came = delivery_of(envelope_of(event, user or ""))
    if user is None:
        del came.headers[SUBJECT]
    broken = Delivery(came.tag, came.routing_key, came.message_id, False, came.headers, body or came.body)
    letter = ParkedEvent("payment.events", "it cannot be handled: LookupError", broken)
    async with db.transaction() as tx:
        await park(tx, letter)
    return letter.id


async def told(db: Database, id_: UUID) -> Sequence[Record]:
    async with db.autocommit() as tx:
        return await tx.fetch(
            "SELECT user_id, data FROM outbox WHERE type = $1 AND data ->> 'event_id' = $2",
            LetterDiscarded.TYPE,
            str(id_),
        )


async def test_a_discard_is_told_of_the_user_and_the_transfer_with_who_and_why(
    db: Database, letters: DeadLetters[OutboxTransaction]
) -> None:
    event = added()
    id_ = await parked(db, event)

    await letters.discard(id_, "olga", "Booked by hand")
    with pytest.raises(LetterClosed):
        await letters.discard(id_, "otto", "Booked by hand, says Olga")

    [row] = await told(db, id_)
    assert row["user_id"] == USER
    assert LetterDiscarded.model_validate(row["data"]) == LetterDiscarded(
        event_id=id_,
        event_type="credit.added.v1",
        service="payment",
        by="olga",
        reason="Booked by hand",
        transfer_id=event.transfer_id,
    )


@pytest.mark.parametrize(
    "body", [b"90210 {", b"[]", b"{}", b'{"transfer_id": 5}', b'{"transfer_id": "90210"}']
)
async def test_of_what_names_no_transfer_none_is_told(
    db: Database, letters: DeadLetters[OutboxTransaction], body: bytes
) -> None:
    id_ = await parked(db, added(), body=body)

    await letters.discard(id_, "olga", "It cannot be read")

    [row] = await told(db, id_)
    assert (row["user_id"], row["data"]["transfer_id"]) == (USER, None)
    assert "90210" not in str(row["data"])


@pytest.mark.parametrize("user", [None, "", "u" * (MAX_SUBJECT + 1)])
async def test_what_names_no_user_is_discarded_and_told_to_nobody(
    db: Database, letters: DeadLetters[OutboxTransaction], user: str | None
) -> None:
    id_ = await parked(db, added(), user)

    letter = await letters.discard(id_, "olga", "Nobody's")

    assert (letter["state"], letter["discarded_by"]) == ("discarded", "olga")
    assert await told(db, id_) == []


async def test_a_discard_that_is_not_committed_is_not_told(db: Database, outbox: Outbox) -> None:
    id_ = await parked(db, added())

    @asynccontextmanager
    async def in_vain() -> AsyncIterator[OutboxTransaction]:
        async with outbox.transaction() as tx:
            yield tx
            assert len(tx.written) == 1
            raise ConnectionResetError("before the commit")

    async def store(_: Sequence[Delivery]) -> None:
        """Nothing is tried here."""

    recovery = ParkedStore(outbox.transaction, store, "payment.parked")
    watch = DeadWatch(NOWHERE, "payment")
    letters = DeadLetters(in_vain, recovery, watch, partial(publish_discarded, "payment"))

    with pytest.raises(ConnectionResetError):
        await letters.discard(id_, "olga", "Booked by hand")

    assert await told(db, id_) == []
    async with db.autocommit() as tx:
        row = await tx.fetchrow("SELECT state, discarded_by FROM parked_event WHERE id = $1", id_)
    assert row is not None
    assert tuple(row) == ("parked", None)


async def test_what_cannot_be_told_is_not_discarded(
    db: Database, letters: DeadLetters[OutboxTransaction]
) -> None:
    id_ = await parked(db, added())
    async with db.transaction() as tx:
        await tx.execute("UPDATE parked_event SET routing_key = repeat('x', 501) WHERE id = $1", id_)

    with pytest.raises(ValueError, match="event_type"):
        await letters.discard(id_, "olga", f"It names no event: {uuid4()}")

    assert (await letters.one(id_))["state"] == "parked"
