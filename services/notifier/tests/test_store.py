"""Each event has its effect once, in a gap-free place, whatever comes together, again or broken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from notifier.adapters import streams, wire
from notifier.adapters.push import Push
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.handlers.reads import mark_read, mark_read_up_to
from notifier.handlers.record import Recorder
from notifier.handlers.store import BatchStore
from services.notifier.tests.conftest import Store
from shared.db import Database
from shared.db.database import AnyConnection as Owner
from shared.db.provision import ServiceDatabase
from shared.events import Envelope
from shared.events.credit import CreditHeld
from shared.events.notifier import NotificationCreated
from shared.events.verification import VerificationCodeReceived
from shared.messaging import Publisher
from shared.testing.deliveries import delivery_of, envelope_of
from shared.testing.waiting import until

pytestmark = pytest.mark.servers


async def head_of(db: Database, user_id: str) -> streams.Head:
    async with db.autocommit() as tx:
        return (await streams.heads(tx, [user_id]))[user_id]


async def seqs_of(owner: Owner, user_id: str) -> list[int]:
    rows = await owner.fetch("SELECT seq FROM notification WHERE user_id = $1 ORDER BY seq", user_id)
    return [row["seq"] for row in rows]


async def test_three_lanes_at_once_leave_no_gap_and_count_exactly(
    db: Database, owner: Owner, lane_store: Store, added: Callable[..., Envelope]
) -> None:
    users = [f"user-{uuid4()}" for _ in range(40)]
    chosen = random.Random(7)

    async def lane(store: BatchStore) -> None:
        for _ in range(12):
            events = [added(chosen.choice(users), version=n) for n in range(1, 101)]
            await store.handle([delivery_of(event) for event in events])

    await asyncio.gather(*(lane(lane_store()) for _ in range(3)))

    stored = 0
    for user_id in users:
        head = await head_of(db, user_id)
        seqs = await seqs_of(owner, user_id)
        assert seqs == list(range(1, head.cursor.seq + 1))
        assert head.unread == head.rev == head.cursor.seq
        stored += len(seqs)
    assert stored == 3 * 12 * 100


async def test_what_a_batch_returns_is_what_was_true_at_each_place(
    lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    other = f"user-{uuid4()}"
    events = [added(user) for user in (user_id, other, user_id, user_id, other)]

    batch = await lane_store().handle([delivery_of(event) for event in events])

    places = [(event.envelope.id, place.seq, place.unread, place.rev) for event, place in batch.created]
    expected = zip(events, (1, 1, 2, 3, 2), strict=True)
    assert places == [(event.id, seq, seq, seq) for event, seq in expected]


async def test_the_same_event_in_one_batch_again_and_in_two_lanes_at_once_is_stored_once(
    db: Database, owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    delivery = delivery_of(added(user_id))

    await lane_store().handle([delivery] * 5)
    again = await lane_store().handle([delivery])
    await asyncio.gather(*(lane_store().handle([delivery]) for _ in range(5)))

    assert again.created == []
    assert len(again.stale) == 1
    assert await seqs_of(owner, user_id) == [1]
    assert (await head_of(db, user_id)).unread == 1


async def test_an_event_replayed_long_after_is_still_the_same_event(
    db: Database, owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    event = added(user_id)
    await lane_store().handle([delivery_of(event)])
    await owner.execute(
        "UPDATE inbox SET received_at = now() - interval '40 days' WHERE event_id = $1", event.id
    )

    await lane_store().handle([delivery_of(event)])

    assert await seqs_of(owner, user_id) == [1]


async def test_unread_is_exact_while_notifications_come_and_are_read(
    db: Database, owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    changes: list[bool] = []

    async def come() -> None:
        for _ in range(20):
            batch = await lane_store().handle([delivery_of(added(user_id)) for _ in range(5)])
            changes.extend(True for _ in batch.created)

    async def read_one() -> None:
        for _ in range(40):
            row = await any_id(db, user_id)
            if row is not None:
                async with db.transaction() as tx:
                    changes.append((await mark_read(tx, user_id, row)).changed)

    async def read_up_to() -> None:
        for seq in range(5, 100, 9):
            async with db.transaction() as tx:
                changes.append((await mark_read_up_to(tx, user_id, seq)).changed)

    await asyncio.gather(come(), come(), read_one(), read_one(), read_up_to())

    head = await head_of(db, user_id)
    left = await owner.fetchval(
        "SELECT count(*) FROM notification WHERE user_id = $1 AND seq > $2 AND read_at IS NULL",
        user_id,
        head.read_seq,
    )
    assert head.unread == left
    assert head.cursor.seq == 200
    assert head.rev == sum(changes)


async def any_id(db: Database, user_id: str) -> UUID | None:
    async with db.autocommit() as tx:
        row = await tx.fetchrow(
            "SELECT id FROM notification WHERE user_id = $1 ORDER BY random() LIMIT 1", user_id
        )
        return None if row is None else UUID(str(row["id"]))


async def test_a_lane_that_waits_holds_up_no_other(
    db: Database, owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    await lane_store().handle([delivery_of(added(user_id))])
    async with db.transaction() as tx:
        await streams.lock(tx, user_id)
        waiting = asyncio.create_task(lane_store().handle([delivery_of(added(user_id))]))
        try:
            await until(lambda: owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            other = await lane_store().handle([delivery_of(added(f"user-{uuid4()}"))])

            assert len(other.created) == 1
            assert not waiting.done()
        finally:
            await tx.execute("SELECT 1")
    assert [place.seq for _, place in (await waiting).created] == [2]


async def test_a_batch_that_lost_its_turn_is_tried_again(
    db: Database, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    await lane_store().handle([delivery_of(added(user_id))])
    with capture_logs() as logs:
        async with db.transaction() as tx:
            await streams.lock(tx, user_id)
            waiting = asyncio.create_task(lane_store().handle([delivery_of(added(user_id))]))

            async def contended() -> bool:
                return any(line["event"] == "batch.contended" for line in logs)

            await until(contended)  # The database's lock_timeout is 5 s.
        batch = await waiting

    assert [place.seq for _, place in batch.created] == [2]


async def test_one_event_the_database_refuses_among_two_hundred_is_parked_alone(
    owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    events = [added(user_id) for _ in range(200)]
    poison = added(user_id, reason="a NUL: \x00")
    events[117] = poison

    with capture_logs() as logs:
        batch = await lane_store().handle([delivery_of(event) for event in events])

    assert len(batch.created) == 199
    assert await seqs_of(owner, user_id) == list(range(1, 200))
    row = await owner.fetchrow("SELECT * FROM parked_event WHERE id = $1", poison.id)
    assert row is not None
    assert row["state"] == "parked"
    assert row["body"] == poison.data
    [critical] = [line for line in logs if line["log_level"] == "critical"]
    assert critical["event"] == "event.parked"
    assert critical["event_id"] == str(poison.id)


BROKEN: dict[str, Callable[[Envelope], Envelope]] = {
    "invalid JSON": lambda good: replace(good, data=b'{"transfer_id": "secret-value'),
    "data of another shape": lambda good: replace(good, data=b'{"currency": "secret-value"}'),
    "unknown type": lambda good: replace(good, type="credit.stolen.v1"),
    "unknown version": lambda good: replace(good, type="credit.added.v9"),
    "too large": lambda good: replace(good, data=b" " * 70_000),
    "unknown currency": lambda good: replace(good, data=good.data.replace(b"USD", b"ZZZ")),
    "version beyond the database's integers": lambda good: replace(
        good, data=good.data.replace(b'"version":1', b'"version":99999999999999999999')
    ),
    "subject with a NUL": lambda good: replace(good, subject="secret-value\x00"),
    "subject that no index can hold": lambda good: replace(good, subject="".join(map(chr, range(300, 9000)))),
    "amount of a thousand digits": lambda good: replace(
        good, data=good.data.replace(b'"amount_minor":500', b'"amount_minor":' + b"9" * 1000)
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_event_is_parked_with_a_reason_that_quotes_nothing(
    owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str, fault: str
) -> None:
    broken = BROKEN[fault](added(user_id))

    batch = await lane_store().handle([delivery_of(broken), delivery_of(added(user_id))])

    assert len(batch.created) == 1
    row = await owner.fetchrow("SELECT reason, state FROM parked_event WHERE id = $1", broken.id)
    assert row is not None
    assert row["state"] == "parked"
    assert "secret-value" not in row["reason"]
    assert "9999" not in row["reason"]


@pytest.mark.parametrize("attribute", ["id", "time", "subject", "specversion", "type"])
async def test_a_message_without_an_attribute_is_parked(
    owner: Owner, lane_store: Store, added: Callable[..., Envelope], user_id: str, attribute: str
) -> None:
    delivery = delivery_of(added(user_id))
    headers = {name: value for name, value in delivery.headers.items() if name != f"cloudEvents:{attribute}"}

    batch = await lane_store().handle([replace(delivery, headers=headers)])

    [parked] = batch.parked
    reason = await owner.fetchval("SELECT reason FROM parked_event WHERE id = $1", parked.id)
    assert attribute in reason


async def test_a_balance_only_moves_to_a_higher_version(
    db: Database, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    async def versions_told(*versions: int) -> list[int]:
        events = [added(user_id, version=version) for version in versions]
        batch = await lane_store().handle([delivery_of(event) for event in events])
        return [balance.version for balance in batch.balances]

    assert await versions_told(2, 5, 3) == [5]
    assert await versions_told(4, 5) == []
    assert await versions_told(6) == [6]
    async with db.autocommit() as tx:
        [balance] = (await streams.balances(tx, [user_id]))[user_id]
    assert (balance.posted_minor, balance.version) == (6 * 5_00, 6)


async def test_an_event_that_is_not_shown_takes_no_place(
    db: Database, lane_store: Store, user_id: str
) -> None:
    event = CreditHeld(
        transfer_id=uuid4(),
        currency="USD",
        amount_minor=1_00,
        balance_after=4_00,
        held_after=1_00,
        version=3,
        reason="sms",
    )

    batch = await lane_store().handle([delivery_of(envelope_of(event, user_id))])

    assert batch.created == []
    assert [(each.posted_minor, each.held_minor) for each in batch.balances] == [(5_00, 1_00)]
    assert (await head_of(db, user_id)).cursor.seq == 0


async def test_hostile_text_is_stored_and_told_as_it_is(
    db: Database, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    hostile = "<script>alert(1)</script> '; DROP TABLE stream; -- {user} %s \u202e \n [CRITICAL]"
    event = added(user_id, reason=hostile)

    batch = await lane_store().handle([delivery_of(event)])

    [(incoming, place)] = batch.created
    assert hostile in str(wire.created(incoming, place)["text"])
    assert hostile in await only_body(db, user_id)


async def only_body(db: Database, user_id: str) -> str:
    async with db.autocommit() as tx:
        row = await tx.fetchrow("SELECT body FROM notification WHERE user_id = $1", user_id)
    assert row is not None
    return str(row["body"])


async def test_what_is_told_now_and_what_is_replayed_later_are_the_same_and_fit_the_contract(
    db: Database, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    batch = await lane_store().handle([delivery_of(added(user_id))])
    [(incoming, place)] = batch.created
    async with db.autocommit() as tx:
        head = (await streams.heads(tx, [user_id]))[user_id]
        [[row]] = await streams.replays(tx, [streams.Replay(head, 0, 10)])

    contract = TypeAdapter(NotificationCreated)
    told = contract.validate_json(wire.encode(wire.created(incoming, place)))
    replayed = contract.validate_json(wire.encode(wire.replayed(row, head)))

    assert told == replayed
    assert told.id == incoming.envelope.id
    assert (told.seq, told.unread, told.rev, told.read) == (1, 1, 1, False)


async def test_every_stored_notification_is_logged_without_its_words(lane_store: Store, user_id: str) -> None:
    code = VerificationCodeReceived(verification_id=uuid4(), service="WhatsApp", code="90210")
    event = envelope_of(code, user_id)

    with capture_logs() as logs:
        await lane_store().handle([delivery_of(event)])

    [line] = [line for line in logs if line["event"] == "notifications.stored"]
    assert line["lane"] == "test"
    [stored] = line["stored"]
    assert (stored["event_id"], stored["user_id"], stored["seq"]) == (str(event.id), user_id, 1)
    assert stored["kind"] == "verification.code_received"
    assert stored["occurred_at"] == event.time.isoformat()
    assert stored["stored_ms"] >= 0
    assert "90210" not in str(logs)


async def test_what_was_stored_is_logged_though_the_database_goes_before_all_is_told(
    database: ServiceDatabase, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    again, new = delivery_of(added(user_id)), delivery_of(added(user_id, version=2))
    await lane_store().handle([again])
    db = Database(database.url, application="tests")
    await db.connect()
    push = Push(Publisher("amqp://nobody@127.0.0.1:1/", "tests"))
    store = BatchStore(db, NotificationDispatcher(), push, "notifier.test", Recorder("test"))

    telling = await store.store(store.read([again, new]))
    await db.close()
    with capture_logs() as logs, pytest.raises(asyncpg.InterfaceError):
        await telling
    await push.drain(0)

    [line] = [line for line in logs if line["event"] == "notifications.stored"]
    assert [stored["event_id"] for stored in line["stored"]] == [new.message_id]
