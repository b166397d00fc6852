"""Publisher and consumers against a real broker, through what brokers and networks do to connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from shared.messaging import (
    BatchConsumer,
    BrokerAway,
    Delivery,
    FanoutListener,
    Message,
    Publisher,
)
from shared.messaging.connection import open_link
from shared.messaging.consumer import ConsumerLost
from shared.messaging.topology import DELIVERY_LIMIT, dead_queue, definitions
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

KEY = "credit.deducted.v1"
QUEUE = "notifier.critical"


def message(number: int, *, routing_key: str = KEY, run: str = "") -> Message:
    return Message("credit.events", routing_key, f"{run}{number}", b'{"n": %d}' % number, {"h": "x" * 300})


class Basket:
    """Collects deliveries; can be told to fail."""

    def __init__(self) -> None:
        self.ids: list[str | None] = []
        self.failures = 0
        self._news = asyncio.Condition()

    async def handle(self, batch: list[Delivery]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        async with self._news:
            self.ids += [delivery.message_id for delivery in batch]
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(condition)


@pytest.fixture
async def publisher(namespace: Namespace) -> AsyncIterator[Publisher]:
    publisher = Publisher(namespace.broker_url("credit"), f"pub-{uuid4().hex}")
    async with working(publisher.run):
        await asyncio.wait_for(publisher.linked.wait(), 10)
        yield publisher


@pytest.fixture
async def basket(namespace: Namespace) -> AsyncIterator[Basket]:
    """Everything that reaches the critical lane."""
    basket = Basket()
    consumer = BatchConsumer(
        namespace.broker_url("notifier"),
        QUEUE,
        basket.handle,
        name=f"sub-{uuid4().hex}",
        max_batch=50,
        idle_seconds=5,
    )
    async with working(consumer.run):
        await asyncio.wait_for(consumer.consuming.wait(), 10)
        yield basket


async def cut_connections(namespace: Namespace) -> None:
    """Have the broker close every connection of this run's virtual host."""
    url = namespace.servers.rabbitmq_management_url
    async with httpx.AsyncClient(base_url=url, timeout=10) as http, asyncio.timeout(30):
        while True:
            known = (await http.get(f"/api/vhosts/{namespace.name}/connections")).json()
            if len(known) >= 2:
                break
            await asyncio.sleep(0.2)  # The management interface learns of connections after a while.
        for connection in known:
            await http.delete(f"/api/connections/{quote(connection['name'], safe='')}")


async def send_all(publisher: Publisher, messages: list[Message]) -> None:
    """What the outbox does: until confirmed, again."""
    waiting = {each.message_id: each for each in messages}
    async with asyncio.timeout(60):
        while waiting:
            await publisher.linked.wait()
            with suppress(BrokerAway):
                receipt = await publisher.send_batch(list(waiting.values()))
                for confirmed in receipt.confirmed:
                    del waiting[confirmed]
            await asyncio.sleep(0)


async def test_a_batch_arrives_whole_and_in_order(publisher: Publisher, basket: Basket) -> None:
    run = uuid4().hex
    receipt = await publisher.send_batch([message(n, run=run) for n in range(1000)])

    assert len(receipt.confirmed) == 1000
    await basket.until(lambda: len(basket.ids) >= 1000)
    assert basket.ids == [f"{run}{n}" for n in range(1000)]


async def test_what_no_queue_is_bound_to_comes_back(publisher: Publisher, basket: Basket) -> None:
    receipt = await publisher.send_batch([message(1, routing_key="nobody.listens.v1"), message(2)])

    assert receipt.returned == {"1"}
    assert receipt.confirmed == {"2"}


async def test_a_large_body_is_cut_into_frames_and_put_together_again(
    publisher: Publisher, basket: Basket
) -> None:
    id_ = uuid4().hex
    large = Message("credit.events", KEY, id_, b'"' + b"x" * 400_000 + b'"')

    receipt = await publisher.send_batch([large])

    assert receipt.confirmed == {id_}
    await basket.until(lambda: id_ in basket.ids)


async def test_a_batch_whose_handling_fails_comes_again(publisher: Publisher, basket: Basket) -> None:
    basket.failures = 2
    run = uuid4().hex

    await publisher.send_batch([message(n, run=run) for n in range(10)])

    await basket.until(lambda: {f"{run}{n}" for n in range(10)} <= set(basket.ids))


async def test_batches_that_are_long_in_settling_hold_the_next_ones_back(
    namespace: Namespace, publisher: Publisher
) -> None:
    release = asyncio.Event()
    handled: list[str | None] = []

    async def settle() -> None:
        await release.wait()

    async def handle(batch: list[Delivery]) -> Awaitable[None]:
        handled.extend(delivery.message_id for delivery in batch)
        return settle()

    run = uuid4().hex
    await publisher.send_batch([message(n, run=run) for n in range(40)])
    consumer = BatchConsumer(
        namespace.broker_url("notifier"), QUEUE, handle, name=f"slow-{uuid4().hex}", max_batch=1
    )
    async with working(consumer.run), asyncio.timeout(30):
        while len(handled) < 8:
            await asyncio.sleep(0.01)
        release.set()
        while len(handled) < 40:
            await asyncio.sleep(0.01)

    assert handled == [f"{run}{n}" for n in range(40)]


async def test_a_full_batch_is_read_while_the_one_before_is_handled_and_all_in_order(
    namespace: Namespace, publisher: Publisher
) -> None:
    run, done = uuid4().hex, list[str]()
    read, read_ahead = 0, list[int]()

    def names(batch: list[Delivery]) -> list[str]:
        nonlocal read
        read += len(batch)
        return [str(delivery.message_id) for delivery in batch]

    async def handle(batch: list[str]) -> None:
        if not done:

            async def all_here() -> bool:
                return consumer.in_hand >= 100  # Others may have left some.

            await until(all_here)
        else:
            await asyncio.sleep(0)
        done.extend(batch)
        read_ahead.append(read - len(done))

    await publisher.send_batch([message(n, run=run) for n in range(100)])
    consumer = BatchConsumer(
        namespace.broker_url("notifier"), QUEUE, handle, name=f"ahead-{uuid4().hex}", max_batch=20, read=names
    )
    async with working(consumer.run), asyncio.timeout(30):
        while f"{run}99" not in done:
            await asyncio.sleep(0.01)

    assert [id_ for id_ in done if id_.startswith(run)] == [f"{run}{n}" for n in range(100)]
    assert read_ahead[1:4] == [20, 20, 20]
    assert read_ahead[-1] == 0


async def test_what_was_committed_while_it_was_ended_is_told_all_the_same(
    namespace: Namespace, publisher: Publisher
) -> None:
    committing, told = asyncio.Event(), asyncio.Event()

    async def tell() -> None:
        told.set()

    async def handle(_: list[Delivery]) -> Awaitable[None]:
        committing.set()
        await asyncio.sleep(0.05)
        return tell()

    await publisher.send_batch([message(1)])
    consumer = BatchConsumer(namespace.broker_url("notifier"), QUEUE, handle, name=f"ended-{uuid4().hex}")
    running = asyncio.create_task(consumer.run())
    async with asyncio.timeout(30):
        await committing.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await told.wait()


async def test_what_is_being_told_when_it_is_ended_is_told_to_its_end(
    namespace: Namespace, publisher: Publisher
) -> None:
    telling, ended, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def tell() -> None:
        telling.set()
        await ended.wait()
        told.set()

    async def handle(_: list[Delivery]) -> Awaitable[None]:
        return tell()

    await publisher.send_batch([message(1)])
    consumer = BatchConsumer(namespace.broker_url("notifier"), QUEUE, handle, name=f"ended-{uuid4().hex}")
    async with asyncio.timeout(30):
        async with working(consumer.run):
            await telling.wait()
        ended.set()
        await told.wait()


async def test_nothing_confirmed_is_lost_when_connections_are_cut(
    namespace: Namespace, publisher: Publisher, basket: Basket
) -> None:
    run = uuid4().hex
    sending = asyncio.create_task(send_all(publisher, [message(n, run=run) for n in range(2000)]))

    await cut_connections(namespace)
    await sending

    await basket.until(lambda: {f"{run}{n}" for n in range(2000)} <= set(basket.ids))


async def test_more_batches_at_once_than_the_client_queues(publisher: Publisher) -> None:
    run = uuid4().hex
    receipts = await asyncio.gather(*(publisher.send_batch([message(n, run=run)]) for n in range(40)))

    assert [receipt.confirmed for receipt in receipts] == [{f"{run}{n}"} for n in range(40)]


async def test_without_a_connection_nothing_is_sent(namespace: Namespace) -> None:
    publisher = Publisher(namespace.broker_url("credit"), "never-run")

    with pytest.raises(BrokerAway):
        await publisher.send_batch([message(1)])


async def test_a_consumer_comes_back_when_its_queue_was_deleted(
    namespace: Namespace, publisher: Publisher, basket: Basket
) -> None:
    url = namespace.servers.rabbitmq_management_url
    async with httpx.AsyncClient(base_url=url, timeout=10) as http:
        (await http.delete(f"/api/queues/{namespace.name}/{QUEUE}")).raise_for_status()
        (await http.post(f"/api/definitions/{namespace.name}", json=definitions())).raise_for_status()
    id_ = uuid4().hex

    await send_all(publisher, [Message("credit.events", KEY, id_, b"{}")])

    await basket.until(lambda: id_ in basket.ids)


async def test_a_listener_hears_what_is_published_while_it_listens(namespace: Namespace) -> None:
    heard: list[bytes] = []
    news = asyncio.Event()
    linked = asyncio.Event()

    def hear(body: bytes) -> None:
        heard.append(body)
        news.set()

    async def on_linked() -> None:
        linked.set()

    listener = FanoutListener(
        namespace.broker_url("ws-gateway"),
        "notifications",
        "notifications.stored",
        name="ear",
        on_message=hear,
        on_linked=on_linked,
    )
    sender = Publisher(namespace.broker_url("notifier"), "mouth")
    async with working(listener.run, sender.run):
        await asyncio.wait_for(asyncio.gather(linked.wait(), sender.linked.wait()), 10)
        said = Message("notifications", "notifications.stored", "1", b'{"items": []}', mandatory=False)
        await sender.send_batch([said])
        await asyncio.wait_for(news.wait(), 10)

    assert heard == [b'{"items": []}']


def test_who_only_watches_holds_up_nobody_when_its_queue_is_full() -> None:
    queues = {queue["name"]: queue["arguments"] for queue in definitions()["queues"]}  # type: ignore[attr-defined]

    full = {name: queues[name]["x-overflow"] for name in (QUEUE, "monitor.events", "monitor.recap")}

    assert full == {QUEUE: "reject-publish", "monitor.events": "drop-head", "monitor.recap": "drop-head"}


async def test_looking_at_the_dead_does_not_lose_them(namespace: Namespace) -> None:
    dead = dead_queue("notifier")
    sender = Publisher(namespace.admin_broker_url, f"reaper-{uuid4().hex}")
    async with working(sender.run):
        await asyncio.wait_for(sender.linked.wait(), 10)
        await sender.send_batch([Message("notifier.dlx", dead, uuid4().hex, b"{}")])

    look = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    async with httpx.AsyncClient(base_url=namespace.servers.rabbitmq_management_url) as http:
        for _ in range(DELIVERY_LIMIT + 5):

            async def seen() -> bool:
                answer = await http.post(f"/api/queues/{namespace.name}/{dead}/get", json=look)
                return bool(answer.json())

            assert await until(seen, within_seconds=5)


async def test_a_listener_notices_that_it_is_no_longer_fed(namespace: Namespace) -> None:
    linked = asyncio.Event()

    async def on_linked() -> None:
        linked.set()

    listener = FanoutListener(
        namespace.broker_url("ws-gateway"),
        "notifications",
        "notifications.stored",
        name="deaf",
        on_message=lambda _: None,
        on_linked=on_linked,
        watch_seconds=0.1,
    )
    link = await open_link(namespace.broker_url("ws-gateway"), "deaf", confirms=False)
    serving = asyncio.create_task(listener._serve(link))
    try:
        await asyncio.wait_for(linked.wait(), 10)
        [tag] = link.channel.consumers
        await link.channel.basic_cancel(tag)
        with pytest.raises(ConsumerLost):
            await asyncio.wait_for(serving, 10)
    finally:
        serving.cancel()
        await link.close()


@pytest.mark.parametrize(
    ("service", "exchange"),
    [("credit", "payment.events"), ("credit", "notifications"), ("notifier", "credit.events")],
)
async def test_a_service_cannot_publish_in_anothers_name(
    namespace: Namespace, service: str, exchange: str
) -> None:
    publisher = Publisher(namespace.broker_url(service), f"forger-{uuid4().hex}")
    async with working(publisher.run):
        await asyncio.wait_for(publisher.linked.wait(), 10)
        receipt = await publisher.send_batch([Message(exchange, KEY, "forged", b"{}")])

    assert receipt.confirmed == frozenset()
