"""From the lanes to the gateways over a real broker: told once it is stored, again when it came again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from notifier.adapters.push import Push
from notifier.handlers.letters import park
from notifier.main import Settings, build
from shared.db import Database
from shared.db.database import AnyConnection
from shared.events import Envelope, Event, Lane
from shared.events.credit import CreditAdded, CreditDeducted, CreditLowBalance
from shared.events.notifier import (
    EXCHANGE,
    STORED,
    BalanceChanged,
    NotificationCreated,
    PushBatch,
    StreamHead,
)
from shared.inbox import ParkedEvent
from shared.messaging import Publisher
from shared.messaging.topology import dead_queue, lane_queue, parked_queue
from shared.messaging.watch import DeadWatch
from shared.testing.deliveries import delivery_of, envelope_of
from shared.testing.namespace import Namespace
from shared.testing.waiting import until

pytestmark = pytest.mark.servers

Publish = Callable[..., Awaitable[None]]

MANY, AT_ONCE = 500, 8


async def test_every_lane_is_stored_and_told_with_its_balance(
    http: httpx.AsyncClient, listener: Any, publish: Publish, user_id: str
) -> None:
    change = {"transfer_id": uuid4(), "currency": "USD", "amount_minor": 1_00, "held_after": 2_00}
    events: list[Event] = [
        CreditDeducted.model_validate({**change, "balance_after": 3_00, "version": 4, "reason": "sms"}),
        CreditAdded.model_validate(
            {**change, "balance_after": 9_00, "version": 5, "source": "bonus", "reason": "sorry"}
        ),
        CreditLowBalance(currency="USD", balance_after=90, threshold=1_00),
    ]

    await publish(*(envelope_of(event, user_id) for event in events))

    created = await listener.heard(user_id, 3, NotificationCreated)
    assert {item.lane for item in created} == set(Lane)
    assert sorted((item.seq, item.unread, item.rev) for item in created) == [(n, n, n) for n in (1, 2, 3)]
    balances = await listener.heard(user_id, 1, BalanceChanged)
    assert max((item.version, item.posted_minor, item.held_minor) for item in balances) == (5, 11_00, 2_00)


async def test_an_event_that_comes_again_tells_where_the_stream_stands_and_changes_nothing(
    http: httpx.AsyncClient,
    listener: Any,
    publish: Publish,
    added: Callable[..., Envelope],
    owner: AnyConnection,
    user_id: str,
) -> None:
    event = added(user_id)
    await publish(event)
    await listener.heard(user_id, 1, NotificationCreated)

    await publish(event)

    assert await listener.heard(user_id, 1, StreamHead) == [StreamHead(user_id=user_id, epoch=1, seq=1)]
    assert len(await listener.heard(user_id, 2, BalanceChanged)) == 2
    assert len(await listener.heard(user_id, 1, NotificationCreated)) == 1
    assert await owner.fetchval("SELECT count(*) FROM notification WHERE user_id = $1", user_id) == 1


async def test_a_message_that_is_no_event_is_parked_and_the_lane_goes_on(
    http: httpx.AsyncClient,
    listener: Any,
    publish: Publish,
    added: Callable[..., Envelope],
    owner: AnyConnection,
    broker: aio_pika.abc.AbstractChannel,
    user_id: str,
) -> None:
    foreign = aio_pika.Message(b"\xff\x00 not JSON", message_id=str(uuid4()))
    exchange = await broker.get_exchange("credit.events", ensure=False)
    await exchange.publish(foreign, routing_key="credit.added.v1")
    await publish(added(user_id))

    await listener.heard(user_id, 1, NotificationCreated)
    parked = await until(lambda: state_of(owner, str(foreign.message_id)))
    assert parked == "parked"


@pytest.fixture
async def broker(corner: Namespace) -> Any:
    async with await aio_pika.connect(corner.admin_broker_url) as connection:
        yield await connection.channel()


async def state_of(owner: AnyConnection, event_id: str) -> str | None:
    state: str | None = await owner.fetchval("SELECT state FROM parked_event WHERE id = $1", event_id)
    return state


async def send_to(broker: aio_pika.abc.AbstractChannel, queue: str, envelope: Envelope) -> None:
    """As the broker does when a lane's delivery limit is reached."""
    message = aio_pika.Message(
        envelope.data, headers=dict(envelope.headers()), message_id=str(envelope.id), delivery_mode=2
    )
    await broker.default_exchange.publish(message, routing_key=queue)


async def test_an_innocent_event_in_the_parked_queue_is_stored_and_told_after_all(
    http: httpx.AsyncClient,
    listener: Any,
    added: Callable[..., Envelope],
    owner: AnyConnection,
    broker: aio_pika.abc.AbstractChannel,
    user_id: str,
) -> None:
    event = added(user_id)

    await send_to(broker, parked_queue("notifier"), event)

    [item] = await listener.heard(user_id, 1, NotificationCreated)
    assert item.id == event.id

    async def handled() -> bool:
        return await state_of(owner, str(event.id)) == "handled"

    await until(handled)


async def test_what_cannot_be_stored_from_the_parked_queue_stays_parked(
    http: httpx.AsyncClient,
    added: Callable[..., Envelope],
    owner: AnyConnection,
    broker: aio_pika.abc.AbstractChannel,
    user_id: str,
) -> None:
    event = added(user_id, reason="a NUL: \x00")

    await send_to(broker, parked_queue("notifier"), event)

    async def parked() -> bool:
        return await state_of(owner, str(event.id)) == "parked"

    await until(parked)


async def test_what_is_to_be_told_waits_for_the_broker_and_goes_in_messages_of_a_hundred(
    corner: Namespace, broker: aio_pika.abc.AbstractChannel
) -> None:
    queue = await broker.declare_queue(exclusive=True)
    await queue.bind(EXCHANGE, STORED)
    publisher = Publisher(corner.broker_url("notifier"), "tests.push")
    push = Push(publisher)
    user_id = f"user-{uuid4()}"
    head = {"type": "stream.head", "user_id": user_id, "epoch": 1}

    told = push.publish([{**head, "seq": seq} for seq in range(250)])
    assert not told.done()
    running = asyncio.create_task(publisher.run())
    await told

    sizes: list[int] = []
    seqs: list[int] = []
    while len(seqs) < 250:
        message = await queue.get(timeout=5, fail=True)
        assert message is not None
        items = PushBatch.model_validate_json(message.body).items
        ours = [item.seq for item in items if isinstance(item, StreamHead) and item.user_id == user_id]
        seqs += ours
        sizes += [len(ours)] if ours else []
    assert seqs == list(range(250))
    assert sizes == [100, 100, 50]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_dead_events_are_counted_and_cried_out(
    corner: Namespace, broker: aio_pika.abc.AbstractChannel, added: Callable[..., Envelope]
) -> None:
    await send_to(broker, dead_queue("notifier"), added("user-of-the-dead"))

    with capture_logs() as logs:
        watching = asyncio.create_task(DeadWatch(corner.broker_url("notifier"), "notifier").run())

        async def cried() -> bool:
            return any(line["event"] == "events.dead" for line in logs)

        await until(cried)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    assert REGISTRY.get_sample_value("dead_events", {"queue": dead_queue("notifier")}) == 1
    assert [line["log_level"] for line in logs if line["event"] == "events.dead"] == ["critical"]


async def test_what_died_and_is_collected_is_in_the_trail(
    http: httpx.AsyncClient,
    identities: Any,
    broker: aio_pika.abc.AbstractChannel,
    owner: AnyConnection,
    added: Callable[..., Envelope],
    user_id: str,
) -> None:
    event = added(user_id)
    await send_to(broker, dead_queue("notifier"), event)
    headers = {"Authorization": f"Bearer {identities.issuer.token('op', ('operator',))}"}

    async def told() -> str | None:
        await http.post("/v1/dead-letters/notifier/collect", headers=headers)
        sql = "SELECT what FROM trail_entry WHERE user_id = $1 AND event_id = $2"
        what: str | None = await owner.fetchval(sql, user_id, event.id)
        return what

    assert await until(told) == "parked"


async def test_five_hundred_that_are_replayed_at_once_and_then_again_have_each_effect_once(
    http: httpx.AsyncClient,
    identities: Any,
    listener: Any,
    publish: Publish,
    db: Database,
    owner: AnyConnection,
    added: Callable[..., Envelope],
    me: dict[str, str],
    user_id: str,
) -> None:
    events = [added(user_id, version=n) for n in range(1, MANY + 1)]
    ids = sorted(event.id for event in events)
    async with db.transaction() as tx:
        for event in events:
            await park(tx, ParkedEvent(lane_queue(Lane.HIGH), "a defect of ours", delivery_of(event)))
    headers = {"Authorization": f"Bearer {identities.issuer.token('op', ('operator',))}"}
    slots = asyncio.Semaphore(AT_ONCE)

    async def replay(id_: UUID) -> str:
        async with slots:
            answer = await http.post(f"/v1/dead-letters/notifier/{id_}/replay", headers=headers)
        return str(answer.json()["state"])

    some_twice = sorted([*ids, *ids[::5]])
    states = set(await asyncio.gather(*map(replay, some_twice)))
    # As a process leaves them that ends when they are stored, and before it notes that.
    await owner.execute("UPDATE parked_event SET state = 'attempting' WHERE id = ANY($1)", ids)
    states |= {await replay(id_) for id_ in ids}
    await publish(last := added(f"{user_id}-last"))
    await listener.heard(last.subject, 1)

    assert states == {"handled"}
    told = await listener.heard(user_id, MANY, NotificationCreated)
    assert sorted(item.id for item in told) == ids
    stored = await owner.fetch("SELECT seq, id FROM notification WHERE user_id = $1 ORDER BY seq", user_id)
    assert [row["seq"] for row in stored] == sorted(item.seq for item in told) == [*range(1, MANY + 1)]
    assert sorted(row["id"] for row in stored) == ids
    unread = (await http.get("/v1/notifications/unread", headers=me)).json()
    assert unread == {"as_of": f"1:{MANY}", "unread": MANY, "rev": MANY, "read_seq": 0}
    balances = await owner.fetch("SELECT posted, held, version FROM balance WHERE user_id = $1", user_id)
    assert [*map(tuple, balances)] == [(MANY * 5_00, 0, MANY)]
    trail = await owner.fetch("SELECT what, event_id FROM trail_entry WHERE user_id = $1", user_id)
    assert sorted(map(tuple, trail)) == [*(("parked", id_) for id_ in ids), *(("stored", id_) for id_ in ids)]


async def test_without_its_queues_it_names_what_is_missing_and_is_not_ready(
    corner: Namespace, settings: Settings, broker: aio_pika.abc.AbstractChannel
) -> None:
    nowhere = settings.model_copy(update={"broker_url": corner.servers.rabbitmq_url})
    app = build(nowhere)

    with capture_logs() as logs:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifier") as client,
        ):

            async def named() -> bool:
                return any(line["event"] == "broker.object_missing" for line in logs)

            await until(named)
            ready, alive = await client.get("/readyz"), await client.get("/healthz")

    missing = next(line for line in logs if line["event"] == "broker.object_missing")
    assert missing["log_level"] == "critical"
    assert "'notifications'" in missing["detail"]
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert "consumers" in ready.json()["detail"]


async def test_without_its_servers_it_lives_and_says_what_it_waits_for(settings: Settings) -> None:
    away = {
        "broker_url": "amqp://nobody@127.0.0.1:1/",
        "database_url": "postgresql://nobody@127.0.0.1:1/notifier",
    }
    app = build(settings.model_copy(update=away))

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifier") as client,
    ):
        ready = await client.get("/readyz")

    assert ready.status_code == 503
    assert ready.json()["detail"] == "Waiting for database, consumers."
