"""Statements as they come over the broker, and what an operator is answered of them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from notifier.consumers.coverage import consume_statements
from notifier.consumers.lanes import MAX_BATCH
from notifier.handlers.coverage import StatementStore
from notifier.main import Settings, build
from services.notifier.tests.conftest import CreditAdder, Identities, Store
from services.notifier.tests.test_coverage import figures, statement, transfer_of
from shared.db import Database
from shared.db.provision import ServiceDatabase
from shared.events.coverage import STATED
from shared.events.credit import CreditAdded
from shared.messaging import BatchConsumer, Delivery, Message, Publisher
from shared.messaging.topology import events_exchange, lane_queue
from shared.testing.deliveries import message_of
from shared.testing.identities import KeyPair
from shared.testing.namespace import Namespace
from shared.testing.waiting import until
from shared.testing.working import working

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("nothing_stated")]


async def test_an_operator_sees_how_much_is_covered_and_nobody_else_does(
    corner: Namespace,
    database: ServiceDatabase,
    db: Database,
    identities: Identities,
    trail_key: KeyPair,
    added: CreditAdder,
    user_id: str,
) -> None:
    """The whole notifier, which hears what the ledger has stated on the broker."""
    app = build(
        Settings(
            broker_url=corner.broker_url("notifier"),
            database_url=database.url,
            auth_keys=identities.keys(),
            trail_key=trail_key.private,
        )
    )
    operator = {"Authorization": f"Bearer {identities.issuer.token('op', ('operator',))}"}
    lost = transfer_of(added(user_id))
    said = statement(1, lost)
    ledger = Publisher(corner.broker_url("credit"), "tests")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifier") as http,
        working(ledger.run),
    ):
        empty = (await http.get("/v1/coverage", headers=operator)).json()
        await ledger.linked.wait()
        await ledger.send_batch([Message(events_exchange("credit"), STATED, "statement-1", said.body)])

        async def heard() -> dict[str, Any]:
            answer: dict[str, Any] = (await http.get("/v1/coverage", headers=operator)).json()
            return answer if answer["stated"] else {}

        answer = await until(heard)
        refused = await http.get("/v1/coverage", headers=identities.user(user_id))

    assert (empty["complete"], empty["percent"], empty["stated_until"]) == (False, 100.0, None)
    assert (answer["complete"], answer["percent"], answer["holes"]) == (False, 0.0, 1)
    assert answer["kinds"] == [{"kind": "bonus", "stated": 1, "holes": 1}]
    assert answer["oldest"] == answer["open"][0]
    assert (answer["oldest"]["transfer_id"], answer["oldest"]["amount"]) == (str(lost.id), "5.00")
    assert refused.status_code == 403


async def test_a_statement_waits_for_a_lane_that_is_behind(
    corner: Namespace, db: Database, lane_store: Store, added: CreditAdder, user_id: str
) -> None:
    behind, released = MAX_BATCH[CreditAdded.LANE], asyncio.Event()
    events = [added(user_id, version=version) for version in range(1, behind + 1)]
    store = lane_store()

    async def slow(deliveries: list[Delivery]) -> None:
        await released.wait()
        await store.handle(deliveries)

    lane = BatchConsumer(
        corner.broker_url("notifier"), lane_queue(CreditAdded.LANE), slow, name="slow", prefetch=2 * behind
    )
    statements = consume_statements(
        corner.broker_url("notifier"), StatementStore(db), db.probe, {CreditAdded.LANE: lane}
    )
    ledger = Publisher(corner.broker_url("credit"), "ledger")
    async with working(lane.run, statements.run, ledger.run):
        await ledger.linked.wait()
        await ledger.send_batch([message_of(event) for event in events])

        async def is_behind() -> bool:
            return lane.in_hand >= behind

        await until(is_behind)
        said = statement(1, *map(transfer_of, events))
        await ledger.send_batch([Message("credit.events", STATED, "statement-1", said.body)])

        async def has_come() -> bool:
            return statements.in_hand == 1

        await until(has_come)
        assert (await figures(db)).stated == 0
        released.set()

        async def is_stated() -> bool:
            return (await figures(db)).stated == behind

        await until(is_stated)
    assert (await figures(db)).holes == 0
