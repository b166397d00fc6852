"""Stores a notification for each event in a session of its own, then publishes it to the gateways."""

from __future__ import annotations

import os

from faststream import FastStream
from faststream.asgi import make_ping_asgi
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from bench.floor.notifier import text
from bench.peers.faststream_orm.events import DEDUCTED, EVENTS, NOTIFICATIONS, CreditDeducted, Notified
from bench.peers.faststream_orm.models import Notification, SeenEvent, Stream

# The most that the engine's pool has connections for: more would wait there, and time out.
AT_ONCE = 15

engine = create_async_engine(os.environ["BENCH_DATABASE_URL"])
sessions = async_sessionmaker(engine, expire_on_commit=False)
broker = RabbitBroker(
    os.environ["BENCH_BROKER_URL"], default_channel=Channel(prefetch_count=AT_ONCE), logger=None
)
work = RabbitQueue("notifier.critical", queue_type=QueueType.QUORUM, durable=True, routing_key=DEDUCTED)


@broker.subscriber(work, EVENTS)
async def notify(event: CreditDeducted) -> None:
    async with sessions.begin() as session:
        if await session.get(SeenEvent, event.event_id):
            return
        stream = await session.get_one(Stream, event.user_id, with_for_update=True)
        stream.last_seq += 1
        stream.unread += 1
        notification = Notification(
            user_id=event.user_id,
            seq=stream.last_seq,
            transfer_id=event.transfer_id,
            text=text(event.amount, event.reason, event.balance_after),
        )
        session.add_all([SeenEvent(event_id=event.event_id), notification])
    notified = Notified.model_validate(notification, from_attributes=True)
    await broker.publish(notified, exchange=NOTIFICATIONS)


app = FastStream(broker).as_asgi(asgi_routes=[("/health", make_ping_asgi(broker, timeout=5.0))])
