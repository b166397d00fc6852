"""The ledger's statements against what was stored: holes are found, named, asked for, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from notifier.adapters import coverage
from notifier.handlers.coverage import StatementStore
from notifier.handlers.reconciler import Reconciler
from services.notifier.tests.conftest import CreditAdder, Fill, Store
from shared.db import Database
from shared.events import Envelope, Event
from shared.events.coverage import OWNERS, STATED, Era, Request, StatedTransfer, Statement
from shared.events.credit import CreditAdded
from shared.events.payment import PaymentCompleted
from shared.events.refund import RefundCompleted, RefundFailed
from shared.messaging import Delivery, Publisher
from shared.messaging.topology import coverage_queue
from shared.testing.deliveries import delivery_of, envelope_of
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("nothing_stated")]

LONG = 1e6  # Seconds: nothing is overdue.


@pytest.fixture
async def publisher(corner: Namespace) -> AsyncIterator[Publisher]:
    publisher = Publisher(corner.broker_url("notifier"), "tests")
    async with working(publisher.run):
        await publisher.linked.wait()
        yield publisher


@pytest.fixture
async def asked(corner: Namespace) -> AsyncIterator[Callable[[str], Awaitable[Request | None]]]:
    """Takes the next request out of an owner's queue."""
    async with await aio_pika.connect(corner.admin_broker_url) as connection:
        channel = await connection.channel()
        queues = {owner: await channel.get_queue(coverage_queue(owner)) for owner in OWNERS}
        for queue in queues.values():
            await queue.purge()

        async def take(owner: str) -> Request | None:
            message = await queues[owner].get(fail=False, no_ack=True)
            return None if message is None else Request.model_validate_json(message.body)

        yield take


def transfer_of(envelope: Envelope, kind: str | None = None, **other: Any) -> StatedTransfer:
    """As the ledger would state what the event tells of."""
    event: Any = envelope.event()
    addition = isinstance(event, CreditAdded)
    stated = StatedTransfer(
        event.transfer_id,
        envelope.id,
        kind or (event.source if addition else "deduction"),
        envelope.subject,
        event.amount_minor,
        event.currency,
        envelope.time,
    )
    return stated._replace(**other)


BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def statement(number: int, *transfers: StatedTransfer, eras: Sequence[Era] = (Era(BEGAN, 1),)) -> Delivery:
    said = Statement(number=number, at=datetime.now(UTC), eras=list(eras), transfers=list(transfers))
    return Delivery(number, STATED, f"statement-{number}", False, {}, said.model_dump_json().encode())


async def figures(db: Database) -> coverage.Figures:
    async with db.transaction() as tx:
        return await coverage.figures(tx)


async def named(db: Database) -> list[UUID]:
    async with db.transaction() as tx:
        return [row["transfer_id"] for row in await coverage.holes(tx, 100)]


async def test_what_was_stored_is_covered_and_what_was_not_is_a_hole_until_it_is(
    db: Database, lane_store: Store, added: CreditAdder, user_id: str, publisher: Publisher
) -> None:
    told, lost = added(user_id, version=1), added(user_id, version=2)
    await lane_store().handle([delivery_of(told)])
    reconciler = Reconciler(db, publisher, hole_seconds=LONG)

    await StatementStore(db)([statement(1, transfer_of(told), transfer_of(lost))])

    found = await figures(db)
    assert (found.stated, found.holes, found.percent) == (2, 1, 50.0)
    assert found.oldest_at == lost.time
    assert await named(db) == [transfer_of(lost).id]
    assert await reconciler.look() == 0
    await lane_store().handle([delivery_of(lost)])
    assert await reconciler.look() == 1
    assert ((await figures(db)).holes, (await figures(db)).percent) == (0, 100.0)


async def test_a_statement_is_compared_with_what_it_states_and_nothing_else(
    db: Database, fill: Fill, user_id: str
) -> None:
    """Or it would take longer the more was ever stored."""
    stated = [transfer_of(told) for told in await fill(user_id, 500)]
    async with db.transaction() as tx:
        await tx.execute("ANALYZE notification")

    async with db.transaction() as tx:
        said = Statement.model_validate_json(statement(1, *stated).body)
        assert await coverage.receive(tx, said)
        read = await tx.fetchrow("SELECT pg_stat_get_xact_tuples_returned('notification'::regclass) AS rows")

    assert read is not None
    assert read["rows"] == 0
    assert (await figures(db)).percent == 100.0


@pytest.mark.parametrize(
    "other",
    [{"user_id": "somebody-else"}, {"amount_minor": 5_01}, {"currency": "EUR"}, {"id": uuid4()}],
    ids=["user", "amount", "currency", "transfer"],
)
async def test_a_notification_that_says_something_else_covers_nothing(
    db: Database, lane_store: Store, added: CreditAdder, user_id: str, other: dict[str, Any]
) -> None:
    told = added(user_id)
    await lane_store().handle([delivery_of(told)])

    await StatementStore(db)([statement(1, transfer_of(told, **other))])

    assert (await figures(db)).holes == 1


async def test_a_hole_in_a_million_is_not_a_hundred_percent() -> None:
    found = coverage.Figures([coverage.KindFigures("deduction", 10_000_000, 1)], None, 0, None)

    assert found.percent == 99.9999


def _shows(kind: str, stated: StatedTransfer) -> Event:
    """The event of another service that shows an addition."""
    money = {"transfer_id": stated.id, "currency": stated.currency, "amount_minor": stated.amount_minor}
    after = {"balance_after": 500, "held_after": 0, "version": 1}
    refund = {"refund_id": uuid4(), "reference": "REF-1", "reason": "timeout"}
    if kind == "payment.completed":
        return PaymentCompleted.model_validate(money | after | {"payment_id": uuid4(), "reference": "PAY-1"})
    if kind == "refund.completed":
        return RefundCompleted.model_validate(money | after | refund)
    return RefundFailed.model_validate(money | refund | {"kind": "money", "reversed": True})


@pytest.mark.parametrize("shown_by", ["payment.completed", "refund.completed", "refund.failed"])
async def test_a_payment_or_refund_is_covered_by_its_own_services_notification_only(
    db: Database, lane_store: Store, user_id: str, publisher: Publisher, shown_by: str
) -> None:
    source = shown_by.partition(".")[0]
    booked = CreditAdded(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=5_00,
        balance_after=5_00,
        held_after=0,
        version=1,
        source="payment" if source == "payment" else "refund",
        reason="r",
    )
    envelope = envelope_of(booked, user_id)
    stated = transfer_of(envelope)
    reconciler = Reconciler(db, publisher, hole_seconds=LONG)
    await lane_store().handle([delivery_of(envelope)])
    await StatementStore(db)([statement(1, stated)])
    await reconciler.look()
    assert (await figures(db)).holes == 1

    await lane_store().handle([delivery_of(envelope_of(_shows(shown_by, stated), user_id))])
    await reconciler.look()

    assert (await figures(db)).holes == 0


@pytest.mark.parametrize(
    ("kind", "owners"),
    [
        ("deduction", {"credit"}),
        ("bonus", {"credit"}),
        ("payment", {"credit", "payment"}),
        ("refund", {"credit", "refund"}),
    ],
)
async def test_an_old_hole_raises_the_alert_and_is_asked_for_where_it_can_be_told(
    db: Database,
    added: CreditAdder,
    user_id: str,
    publisher: Publisher,
    asked: Callable[[str], Awaitable[Request | None]],
    kind: str,
    owners: set[str],
) -> None:
    lost = transfer_of(added(user_id), kind)
    await StatementStore(db)([statement(1, lost)])
    await Reconciler(db, publisher, hole_seconds=LONG).repair()
    assert [await asked(owner) for owner in OWNERS] == [None, None, None]

    with capture_logs() as lines:
        for _ in range(2):  # The second look asks nobody: the first one's answer has time.
            await Reconciler(db, publisher, hole_seconds=0.2).repair()
            await until(lambda: _old_enough(db))

    alerts = [line for line in lines if line["log_level"] == "critical"]
    assert [(line["event"], line["transfers"]) for line in alerts] == [("coverage.hole", [str(lost.id)])]
    for owner in OWNERS:
        request = await asked(owner)
        assert (request is not None) == (owner in owners)
        assert request is None or request.transfers == [lost.id]
        assert await asked(owner) is None


async def test_an_alert_counts_a_transfer_once_however_often_it_is_asked_for(
    db: Database, added: CreditAdder, user_id: str, publisher: Publisher
) -> None:
    await StatementStore(db)([statement(1, transfer_of(added(user_id)))])
    before = sample("coverage_alerts_total", kind="bonus")

    for asks in range(3):
        async with db.transaction() as tx:
            await tx.execute(
                "UPDATE coverage_hole SET found_at = found_at - interval '1 day',"
                " asked_at = asked_at - interval '1 day'"
            )
        await Reconciler(db, publisher).repair()
        async with db.transaction() as tx:
            assert [row["asks"] for row in await coverage.holes(tx, 1)] == [asks + 1]

    assert sample("coverage_alerts_total", kind="bonus") == before + 1


async def test_a_ledger_that_has_never_stated_itself_is_behind_by_more_than_any_alert(
    db: Database, publisher: Publisher
) -> None:
    await Reconciler(db, publisher).observe()
    assert sample("coverage_behind_seconds") == float("inf")

    await StatementStore(db)([statement(1)])
    await Reconciler(db, publisher).observe()
    assert sample("coverage_behind_seconds") < 60


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def _old_enough(db: Database) -> bool:
    async with db.transaction() as tx:
        row = await tx.fetchrow("SELECT min(now() - found_at) AS age FROM coverage_hole")
    assert row is not None
    return bool(row["age"] > timedelta(seconds=0.2))


async def test_a_statement_that_is_lost_is_missed_by_its_number_and_asked_for(
    db: Database,
    lane_store: Store,
    added: CreditAdder,
    user_id: str,
    publisher: Publisher,
    asked: Callable[[str], Awaitable[Request | None]],
) -> None:
    events = [added(user_id, version=n) for n in range(1, 6)]
    await lane_store().handle([delivery_of(event) for event in events])
    said = [statement(n, transfer_of(event)) for n, event in enumerate(events, start=1)]
    store = StatementStore(db)
    for each in (said[0], said[4], said[2]):
        await store([each])
    found = await figures(db)
    assert (found.stated, found.statements_missing) == (3, 2)
    await Reconciler(db, publisher).repair()
    assert await asked("credit") is None  # They may be on their way.

    async with db.transaction() as tx:
        await tx.execute("UPDATE coverage_statement SET heard_at = heard_at - interval '1 minute'")
    for _ in range(2):
        await Reconciler(db, publisher).repair()

    request = await asked("credit")
    assert request is not None
    assert request.statements == [2, 4]
    assert await asked("credit") is None
    for each in (said[3], said[1], said[1]):
        await store([each])
    found = await figures(db)
    assert (found.stated, found.statements_missing, found.percent) == (5, 0, 100.0)


async def test_statements_heard_by_two_at_once_in_any_order_count_once(
    db: Database, lane_store: Store, added: CreditAdder, user_id: str
) -> None:
    events = [added(user_id, version=n) for n in range(1, 31)]
    await lane_store().handle([delivery_of(event) for event in events[:29]])
    said = [statement(n, transfer_of(event)) for n, event in enumerate(events, start=1)]

    await asyncio.gather(*(StatementStore(db)([each]) for each in [*reversed(said), *said]))

    found = await figures(db)
    assert (found.stated, found.holes, found.statements_missing) == (30, 1, 0)
    async with db.transaction() as tx:
        row = await tx.fetchrow("SELECT heard_up_to FROM coverage_ledger")
    assert row is not None
    assert row["heard_up_to"] == 30


async def test_two_notifiers_ask_once(
    db: Database,
    added: CreditAdder,
    user_id: str,
    publisher: Publisher,
    asked: Callable[[str], Awaitable[Request | None]],
) -> None:
    await StatementStore(db)([statement(1, *(transfer_of(added(user_id)) for _ in range(50)))])
    await until(lambda: _old_enough(db))

    await asyncio.gather(*(Reconciler(db, publisher, hole_seconds=0.2).repair() for _ in range(4)))

    ids: list[UUID] = []
    while request := await asked("credit"):
        ids += request.transfers
    assert sorted(ids) == sorted(await named(db))


async def test_a_statement_that_cannot_be_read_is_dropped_and_said(db: Database) -> None:
    delivery = Delivery(1, STATED, "statement-1", False, {}, b'{"number": 1, "transfers": [["x"]]}')

    with capture_logs() as lines:
        await StatementStore(db)([delivery])

    assert [line["event"] for line in lines] == ["coverage.statement_unreadable"]
    assert (await figures(db)).stated_until is None
