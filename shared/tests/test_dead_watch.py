"""What is collected from the dead is kept somewhere, or is still there."""

from __future__ import annotations

from shared.messaging import BrokerAway, Delivery, Message, Publisher
from shared.messaging.connection import AWAY
from shared.messaging.topology import dead_queue
from shared.messaging.watch import DeadWatch
from shared.testing.deliveries import added, envelope_of
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

USER = "user-of-the-dead-watch"


async def test_what_cannot_be_kept_goes_back_to_where_it_was_collected(namespace: Namespace) -> None:
    envelope, kept = envelope_of(added(), USER), list[Delivery]()
    publisher = Publisher(namespace.admin_broker_url, "tests")
    watch = DeadWatch(namespace.broker_url("payment"), "payment")

    async def cannot(_: Delivery) -> None:
        raise ConnectionResetError("the database is away")

    async def can(delivery: Delivery) -> None:
        kept.append(delivery)

    async with working(publisher.run, watch.run):
        await publisher.linked.wait()
        message = Message("", dead_queue("payment"), str(envelope.id), envelope.data, envelope.headers())
        await publisher.send_batch([message])

        async def refused() -> bool:
            try:
                await watch.collect(cannot, 1)
            except BrokerAway:
                return False
            except ConnectionResetError:
                return True
            return False

        await until(refused)

        async def collected() -> int:
            return await watch.collect(can, 1)

        assert await until(collected) == 1
    assert [delivery.body for delivery in kept] == [envelope.data]


async def drop(_: Delivery) -> None:
    """Whoever collects it keeps nothing of it."""


async def test_why_it_could_not_be_kept_is_said_though_the_broker_goes_too(namespace: Namespace) -> None:
    envelope = envelope_of(added(), USER)
    publisher = Publisher(namespace.admin_broker_url, "tests")
    watch = DeadWatch(namespace.broker_url("payment"), "payment")

    async def cannot(_: Delivery) -> None:
        assert watch._link is not None
        await watch._link.close()
        raise LookupError("the database went too")

    async with working(publisher.run, watch.run):
        await publisher.linked.wait()
        message = Message("", dead_queue("payment"), str(envelope.id), envelope.data, envelope.headers())
        await publisher.send_batch([message])

        async def refused() -> str:
            try:
                await watch.collect(cannot, 1)
            except BrokerAway:
                return ""
            except (LookupError, *AWAY) as error:
                return str(error)
            return ""

        assert await until(refused) == "the database went too"

        async def taken_back() -> int:
            try:
                return await watch.collect(drop, 1)
            except BrokerAway:
                return 0

        assert await until(taken_back) == 1
