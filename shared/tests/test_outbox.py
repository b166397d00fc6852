"""Committed events reach the broker whatever happens in between, and leave the table when they have."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from shared.db import Database
from shared.events import Envelope
from shared.events.credit import CreditDeducted
from shared.events.verification import VerificationCodeReceived
from shared.messaging import BatchConsumer, Delivery, Publisher
from shared.observability.trace import continue_trace, traced
from shared.outbox import DirectPublisher, Relay, write
from shared.testing.namespace import Namespace
from shared.testing.working import working

SOURCE = "/ledgerbell/credit"


def deducted() -> CreditDeducted:
    return CreditDeducted(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=250,
        balance_after=750,
        held_after=0,
        version=2,
        reason="WhatsApp",
    )


@pytest.fixture(autouse=True)
async def _nothing_is_left(db: Database) -> None:
    """What other tests wrote and never sent would leave before what these do."""
    async with db.autocommit() as tx:
        await tx.execute("DELETE FROM outbox")


@pytest.fixture
async def publisher(namespace: Namespace) -> AsyncIterator[Publisher]:
    publisher = Publisher(namespace.broker_url("credit"), f"outbox-{uuid4().hex}")
    async with working(publisher.run):
        await asyncio.wait_for(publisher.linked.wait(), 10)
        yield publisher


@pytest.fixture
async def arrived(namespace: Namespace) -> AsyncIterator["Arrivals"]:
    arrivals = Arrivals()
    consumer = BatchConsumer(
        namespace.broker_url("notifier"), "notifier.critical", arrivals.take, name=f"in-{uuid4().hex}"
    )
    async with working(consumer.run):
        yield arrivals


class Arrivals:
    def __init__(self) -> None:
        self.envelopes: dict[UUID, Envelope] = {}
        self._news = asyncio.Condition()

    async def take(self, batch: list[Delivery]) -> None:
        async with self._news:
            for delivery in batch:
                envelope = Envelope.read(delivery.headers, delivery.body)
                self.envelopes[envelope.id] = envelope
            self._news.notify_all()

    async def until(self, ids: set[UUID]) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: ids <= self.envelopes.keys())


async def commit(db: Database, count: int, *, age_seconds: float = 0) -> list[UUID]:
    """Write events as a business transaction does, ``age_seconds`` ago; returns their ids."""
    ids = [uuid4() for _ in range(count)]
    async with db.transaction() as tx:
        for id_ in ids:
            await write(tx, id_, "ada", deducted())
        await tx.execute(
            "UPDATE outbox SET occurred_at = occurred_at - make_interval(secs => $1) WHERE id = ANY($2)",
            age_seconds,
            ids,
        )
    return ids


async def remaining(db: Database, ids: list[UUID]) -> int:
    async with db.autocommit() as tx:
        row = await tx.fetchrow("SELECT count(*) AS n FROM outbox WHERE id = ANY($1)", ids)
    assert row is not None
    return int(row["n"])


async def until_gone(db: Database, ids: list[UUID]) -> None:
    async with asyncio.timeout(20):
        while await remaining(db, ids):
            await asyncio.sleep(0.02)


async def test_an_event_leaves_right_after_its_commit_and_takes_its_trace_along(
    db: Database, publisher: Publisher, arrived: Arrivals
) -> None:
    direct = DirectPublisher(db, publisher, SOURCE)
    trace = continue_trace(None, "order-7", causation_id="click-1")
    async with working(direct.run):
        with traced(trace):
            async with db.transaction() as tx:
                row = await write(tx, uuid4(), "ada", deducted())
        assert row is not None
        direct.committed([row])
        await arrived.until({row["id"]})
        await until_gone(db, [row["id"]])

    envelope = arrived.envelopes[row["id"]]
    assert envelope.subject == "ada"
    assert envelope.source == SOURCE
    assert envelope.correlationid == "order-7"
    assert envelope.causationid == "click-1"
    assert envelope.traceparent == trace.traceparent
    assert isinstance(envelope.event(), CreditDeducted)


async def test_the_same_event_again_while_it_still_waits_is_not_written_twice(db: Database) -> None:
    (id_,) = await commit(db, 1)

    async with db.transaction() as tx:
        again = await write(tx, id_, "ada", deducted())

    assert again is None
    assert await remaining(db, [id_]) == 1


async def test_a_rolled_back_event_is_never_published(db: Database) -> None:
    id_ = uuid4()

    async def write_and_fail() -> None:
        async with db.transaction() as tx:
            await write(tx, id_, "ada", deducted())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    assert await remaining(db, [id_]) == 0


async def test_what_the_direct_path_left_behind_the_relay_publishes(
    db: Database, publisher: Publisher, arrived: Arrivals
) -> None:
    ids = await commit(db, 1200, age_seconds=10)

    async with working(Relay(db, publisher, SOURCE).run):
        await arrived.until(set(ids))
        await until_gone(db, ids)


async def test_two_relays_share_the_work(db: Database, publisher: Publisher, arrived: Arrivals) -> None:
    ids = await commit(db, 1000, age_seconds=10)
    relays = [Relay(db, publisher, SOURCE), Relay(db, publisher, SOURCE)]

    relayed = await asyncio.gather(*(relay.relay_batch() for relay in relays))

    assert sum(relayed) == 1000
    await arrived.until(set(ids))


async def test_a_fresh_row_is_left_to_the_direct_path(db: Database, publisher: Publisher) -> None:
    ids = await commit(db, 1)

    await Relay(db, publisher, SOURCE).relay_batch()

    assert await remaining(db, ids) == 1


async def test_an_unroutable_event_stays_and_is_tried_again_later(db: Database, namespace: Namespace) -> None:
    # The administrator's user may publish to an exchange that exists without a binding for this key.
    publisher = Publisher(namespace.admin_broker_url, f"outbox-{uuid4().hex}")
    id_ = uuid4()
    async with db.transaction() as tx:
        await tx.execute(
            "INSERT INTO outbox (id, type, user_id, occurred_at, data)"
            " VALUES ($1, 'credit.unheard_of.v1', 'ada', now() - interval '1 minute', '{}')",
            id_,
        )
    async with working(publisher.run):
        await asyncio.wait_for(publisher.linked.wait(), 10)
        assert await Relay(db, publisher, SOURCE).relay_batch() == 0
    async with db.autocommit() as tx:
        row = await tx.fetchrow("DELETE FROM outbox WHERE id = $1 RETURNING *", id_)

    assert row is not None
    assert row["attempts"] == 1
    assert "returned" in row["last_error"]
    assert row["next_attempt_at"] > row["occurred_at"]


async def test_with_the_broker_away_the_rows_stay(db: Database) -> None:
    away = Publisher("amqp://nobody:nothing@127.0.0.1:1/x", "away")
    direct = DirectPublisher(db, away, SOURCE)
    ids = await commit(db, 3)
    async with db.autocommit() as tx:
        rows = await tx.fetch("SELECT *, data::text AS data FROM outbox WHERE id = ANY($1)", ids)

    async with working(direct.run):
        direct.committed(rows)
        await asyncio.sleep(0)

    assert await remaining(db, ids) == 3


async def test_an_sms_code_is_in_no_repr_of_its_row(db: Database) -> None:
    event = VerificationCodeReceived(verification_id=uuid4(), service="WhatsApp", code="424242")

    assert "424242" not in repr(event)
