"""When broker or database are away or fail in the middle: nothing is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import aio_pika
import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from credit.main import EXCHANGES, build
from shared.events import Envelope, Lane
from shared.messaging.connection import keep_checking
from shared.messaging.topology import lane_queue
from shared.testing.namespace import namespace as fresh_namespace
from shared.testing.waiting import until
from shared.testing.working import working

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from credit.main import Settings
    from services.credit.tests.conftest import Api, Ledger
    from shared.testing.identities import Issuer
    from shared.testing.namespace import Namespace
    from shared.testing.servers import Servers


@asynccontextmanager
async def running(settings: Settings, api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Another instance of the service, asked by the same callers."""
    app = build(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://c"
        ) as http,
    ):
        known, api.http = api.http, http
        try:
            yield http
        finally:
            api.http = known


async def test_without_a_broker_the_service_is_ready_and_money_moves(api: Api, ledger: Ledger) -> None:
    ready = await api.http.get("/readyz")
    user = await api.user_with("5.00")

    answer = await api.debit(user, "1.00")

    assert (ready.status_code, answer.status_code) == (200, 201)
    assert await ledger.types(user) == ["credit.added.v1", "credit.deducted.v1"]


async def test_with_a_broker_the_event_is_delivered_and_leaves_the_outbox(
    api: Api, ledger: Ledger, settings: Settings, servers: Servers
) -> None:
    async with (
        fresh_namespace(servers) as corner,
        running(settings.model_copy(update={"broker_url": corner.broker_url("credit")}), api),
    ):
        user = await api.user_with("5.00")
        booked = await api.debit(user, "1.00")

        async def delivered() -> bool:
            return not await ledger.types(user)

        await until(delivered)
        envelopes = [one for one in await _drained(corner, lane_queue(Lane.CRITICAL)) if one.subject == user]

    assert [envelope.type for envelope in envelopes] == ["credit.deducted.v1"]
    assert str(envelopes[0].event().model_dump()["transfer_id"]) == booked.json()["transfer_id"]
    assert envelopes[0].source == "credit"


async def _drained(corner: Namespace, queue_name: str) -> list[Envelope]:
    connection = await aio_pika.connect(corner.admin_broker_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(queue_name, ensure=False)
        envelopes = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            envelopes.append(Envelope.read(dict(message.headers), message.body))
        return envelopes


async def test_a_missing_exchange_is_named_in_a_critical_line(servers: Servers) -> None:
    async with fresh_namespace(servers) as corner:
        connection = await aio_pika.connect(corner.admin_broker_url)
        async with connection:
            channel = await connection.channel()
            await channel.exchange_delete(EXCHANGES[0])
        check = partial(keep_checking, corner.broker_url("credit"), "credit", exchanges=EXCHANGES)
        with capture_logs() as lines:
            async with working(check):

                async def missed() -> bool:
                    return REGISTRY.get_sample_value("broker_object_missing") == 1

                await until(missed)

    critical = [line for line in lines if line["log_level"] == "critical"]
    assert EXCHANGES[0] in critical[0]["detail"]


async def test_without_a_database_the_service_starts_says_so_and_refuses_politely(
    api: Api, settings: Settings
) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://credit:none@127.0.0.1:1/none"})
    async with running(away, api) as http:
        alive, ready = await http.get("/healthz"), await http.get("/readyz")
        answer = await api.debit("u", "1.00")

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert "database" in ready.json()["detail"]
    assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_a_debit_cut_off_in_the_middle_is_settled_by_its_repetition(
    api: Api, ledger: Ledger, owner: Connection[Record]
) -> None:
    user = await api.user_with("5.00")
    key = str(uuid4())
    lock = ledger.connection.transaction()
    await lock.start()
    await ledger.connection.execute("SELECT FROM account WHERE user_id = $1 FOR UPDATE", user)
    debit = asyncio.create_task(api.debit(user, "1.00", key))

    async def cut() -> bool:
        return bool(
            await ledger.connection.fetchval(
                """
                SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND query LIKE '%move_credits%'
                    AND datname = current_database()
                """
            )
        )

    await until(cut)
    unknown = await debit
    await lock.rollback()

    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "1")
    settled, replayed = await api.debit(user, "1.00", key), await api.debit(user, "1.00", key)
    assert settled.status_code == 201
    assert settled.content == replayed.content
    assert (await api.balance(user))["available"] == "4.00"


def test_a_weak_key_stops_the_start(settings: Settings, users: Issuer) -> None:
    weak = '[{"kid": "k", "alg": "HS256", "key": "short", "roles": ["user"]}]'

    with pytest.raises(ValueError, match="at least 32 bytes"):
        build(settings.model_copy(update={"auth_keys": weak}))
