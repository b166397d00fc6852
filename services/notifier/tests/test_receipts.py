"""From a gateway's receipts to the trail: each batch once, whatever way it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import orjson
import pytest

from notifier.handlers.receipts import ReceiptStore
from shared.db import Database
from shared.db.database import AnyConnection
from shared.events.receipts import EXCHANGE, GATHERED, HEADERS, Acknowledged, Pushed, ReceiptBatch
from shared.messaging import Delivery, Message, Publisher
from shared.messaging.topology import parked_queue, receipts_queue
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

pytestmark = pytest.mark.servers

AT = datetime(2026, 3, 14, 15, 9, 26, 535897, UTC)
SESSION = "5" * 32

Rows = list[dict[str, object]]


def batch_of(user: str, number: int = 1, gateway: str | None = None) -> ReceiptBatch:
    """Three pushed to two tabs, of which one has acknowledged two."""
    return ReceiptBatch(
        gateway=gateway or uuid4().hex,
        number=number,
        pushed=[Pushed(user_id=user, epoch=1, seq=1, up_to=3, at=AT, tabs=2)],
        acknowledged=[
            Acknowledged(user_id=user, epoch=1, seq=1, up_to=2, at=AT, session=SESSION, sent_from=1)
        ],
    )


def delivery_of(batch: ReceiptBatch, body: bytes | None = None) -> Delivery:
    return Delivery(
        tag=1,
        routing_key=GATHERED,
        message_id=str(batch.id),
        redelivered=False,
        headers=dict(HEADERS),
        body=body or batch.model_dump_json().encode(),
    )


async def trail(owner: AnyConnection, user: str) -> Rows:
    rows = await owner.fetch(
        "SELECT what, epoch, seq, up_to, event_id, transfer_id, detail FROM trail_entry"
        " WHERE user_id = $1 ORDER BY id",
        user,
    )
    return [dict(row) | {"detail": orjson.loads(row["detail"])} for row in rows]


def whats(rows: Rows) -> list[object]:
    return [row["what"] for row in rows]


@pytest.fixture
def store(db: Database) -> ReceiptStore:
    return ReceiptStore(db, receipts_queue())


@pytest.fixture
async def tell(corner: Namespace) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Publish as a gateway may, or, with ``queue``, put it where the broker has given up on it."""
    gateway = Publisher(corner.broker_url("ws-gateway"), "tests")
    broker = Publisher(corner.admin_broker_url, "tests")

    async def send(batch: ReceiptBatch, queue: str | None = None) -> None:
        exchange, key = (EXCHANGE, GATHERED) if queue is None else ("", queue)
        message = Message(exchange, key, str(batch.id), batch.model_dump_json().encode(), dict(HEADERS))
        publisher = gateway if queue is None else broker
        async with asyncio.timeout(20):
            await publisher.linked.wait()
        receipt = await publisher.send_batch([message])
        assert receipt.confirmed == {str(batch.id)}

    async with working(gateway.run, broker.run):
        yield send


async def test_what_was_pushed_and_what_was_acknowledged_are_entries_of_their_user(
    store: ReceiptStore, owner: AnyConnection, user_id: str
) -> None:
    batch = batch_of(user_id)

    await store([delivery_of(batch)])

    said = "2026-03-14T15:09:26.535897Z"
    place = {"epoch": 1, "event_id": None, "transfer_id": None}
    assert await trail(owner, user_id) == [
        {
            "what": "pushed", "seq": 1, "up_to": 3, **place,
            "detail": {"gateway": batch.gateway, "tabs": 2, "pushed_at": said},
        },
        {
            "what": "acknowledged", "seq": 1, "up_to": 2, **place,
            "detail": {"gateway": batch.gateway, "session": SESSION, "acknowledged_at": said},
        },
    ]  # fmt: skip


async def test_where_a_session_began_is_said_of_a_range_that_begins_below(
    store: ReceiptStore, owner: AnyConnection, user_id: str
) -> None:
    said = batch_of(user_id).acknowledged[0]
    ranges = [
        said.model_copy(update={"seq": 51, "up_to": 100, "sent_from": first}) for first in (51, 52, 200)
    ]
    batch = ReceiptBatch(gateway=uuid4().hex, number=1, pushed=[], acknowledged=ranges)

    await store([delivery_of(batch)])

    details = [row["detail"] for row in await trail(owner, user_id)]
    assert [detail.get("sent_from") for detail in details] == [None, 52, 200]  # type: ignore[attr-defined]  # They are dicts.


async def test_a_batch_that_comes_again_adds_nothing(
    store: ReceiptStore, owner: AnyConnection, user_id: str
) -> None:
    batch = batch_of(user_id)

    await store([delivery_of(batch), delivery_of(batch)])
    await store([delivery_of(batch), delivery_of(batch_of(user_id, 2, batch.gateway))])

    assert whats(await trail(owner, user_id)) == ["pushed", "acknowledged"] * 2


async def test_two_notifiers_that_get_the_same_batch_store_it_once(
    store: ReceiptStore, owner: AnyConnection, user_id: str
) -> None:
    batches = [batch_of(user_id, number, "a" * 31 + "1") for number in range(1, 9)]

    await asyncio.gather(*(store([delivery_of(each) for each in batches[::way]]) for way in (1, -1, 1, -1)))

    assert len(await trail(owner, user_id)) == 16


async def test_the_same_number_of_another_gateway_is_another_batch(
    store: ReceiptStore, owner: AnyConnection, user_id: str
) -> None:
    await store([delivery_of(batch_of(user_id, 1)), delivery_of(batch_of(user_id, 1))])

    assert len(await trail(owner, user_id)) == 4


async def test_what_is_no_batch_is_parked_and_the_others_are_stored(
    store: ReceiptStore, owner: AnyConnection, user_id: str
) -> None:
    good, unread, backwards, unstorable = (batch_of(user_id, n) for n in range(1, 5))
    changed = backwards.model_dump(mode="json")
    changed["pushed"][0] |= {"seq": 4, "up_to": 3}

    await store(
        [
            delivery_of(unread, b"{"),
            delivery_of(backwards, orjson.dumps(changed)),
            delivery_of(unstorable, batch_of("nobody\0").model_dump_json().encode()),
            delivery_of(good),
        ]
    )

    assert len(await trail(owner, user_id)) == 2
    reasons = [await reason_of(owner, each) for each in (unread, backwards, unstorable)]
    assert reasons == [
        "it is no batch of receipts: json_invalid",
        "it is no batch of receipts: value_error",
        "the database refuses it: CharacterNotInRepertoireError",
    ]


async def reason_of(owner: AnyConnection, batch: ReceiptBatch) -> object:
    return await owner.fetchval("SELECT reason FROM parked_event WHERE id = $1", batch.id)


async def test_what_a_gateway_publishes_is_in_the_trail(
    http: httpx.AsyncClient, tell: Callable[..., Awaitable[None]], owner: AnyConnection, user_id: str
) -> None:
    await tell(batch_of(user_id))

    rows = await until(lambda: trail(owner, user_id))

    assert whats(rows) == ["pushed", "acknowledged"]


async def test_receipts_that_ended_in_the_parked_queue_are_stored_after_all(
    http: httpx.AsyncClient, tell: Callable[..., Awaitable[None]], owner: AnyConnection, user_id: str
) -> None:
    batch = batch_of(user_id)
    await tell(batch, parked_queue("notifier"))

    rows = await until(lambda: trail(owner, user_id))

    async def settled() -> bool:
        state = await owner.fetchval("SELECT state FROM parked_event WHERE id = $1", batch.id)
        return bool(state == "handled")

    await until(settled)
    assert whats(rows) == ["pushed", "acknowledged"]
