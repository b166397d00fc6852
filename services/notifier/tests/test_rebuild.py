"""A stream is made anew of its events: the same as before, or what was not is named and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from notifier.adapters import kept
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.handlers.reads import mark_read, mark_read_up_to
from services.notifier.tests.conftest import Store
from shared.db import Database
from shared.db.database import AnyConnection as Owner
from shared.events import Envelope
from shared.events.examples import EXAMPLES
from shared.events.notifier import StreamHead
from shared.http.auth import OPERATOR
from shared.testing.deliveries import delivery_of, envelope_of

pytestmark = pytest.mark.servers

Answer = dict[str, Any]
CODE = "48213"  # Of the example.


class Olga:
    """An operator at the notifier."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self._http = http
        self._headers = headers

    async def asks(self, user_id: str, *, compare: bool = False) -> httpx.Response:
        return await self._http.post(
            f"/v1/streams/{user_id}/rebuild",
            params={"compare": str(compare).lower()},
            headers=self._headers,
        )

    async def rebuilds(self, user_id: str) -> Answer:
        answer: Answer = (await self.asks(user_id)).raise_for_status().json()
        return answer

    async def compares(self, user_id: str) -> Answer:
        answer: Answer = (await self.asks(user_id, compare=True)).raise_for_status().json()
        return answer


@pytest.fixture
def olga(http: httpx.AsyncClient, identities: Any) -> Olga:
    token = identities.issuer.token("olga", roles=[OPERATOR])
    return Olga(http, {"Authorization": f"Bearer {token}"})


@pytest.fixture
async def everything(lane_store: Store, db: Database, user_id: str) -> list[Envelope]:
    """One event of every type, in three batches; of those that are shown some are read."""
    events = [
        replace(envelope_of(event, user_id), traceparent="00-1-2-03", correlationid="ä", causationid=None)
        for event in EXAMPLES
    ]
    for start in range(0, len(events), 10):
        await lane_store().handle([delivery_of(event) for event in events[start : start + 10]])
    async with db.transaction() as tx:
        await mark_read_up_to(tx, user_id, 3)
    rows = await db_rows(db, user_id)
    for row in (rows[5], rows[8]):
        async with db.transaction() as tx:
            assert (await mark_read(tx, user_id, row["id"])).changed
    return events


async def db_rows(db: Database, user_id: str) -> list[Any]:
    async with db.autocommit() as tx:
        return await tx.fetch("SELECT * FROM notification WHERE user_id = $1 ORDER BY seq", user_id)


async def stream_of(db: Database, user_id: str) -> Any:
    async with db.autocommit() as tx:
        return await tx.fetchrow(
            "SELECT epoch, last_seq, unread, read_seq, rev FROM stream WHERE user_id = $1", user_id
        )


async def test_every_kind_and_every_read_is_the_same_after_each_rebuild(
    olga: Olga, db: Database, everything: list[Envelope], user_id: str
) -> None:
    rows, before = await db_rows(db, user_id), await stream_of(db, user_id)
    shown = {f"{row['kind']}.v1" for row in rows}
    assert shown == NotificationDispatcher().shown_types

    for epoch in (2, 3):
        answer = await olga.rebuilds(user_id)

        assert answer == {
            "epoch": epoch,
            "notifications": len(rows),
            "unread": len(rows) - 5,
            "different": 0,
            "differences": [],
        }
        assert await db_rows(db, user_id) == rows
        after = await stream_of(db, user_id)
        assert (after["last_seq"], after["unread"], after["read_seq"]) == (len(rows), len(rows) - 5, 3)
        assert after["rev"] == before["rev"] + epoch - 1


async def test_what_was_altered_by_hand_is_named_and_mended(
    olga: Olga, db: Database, owner: Owner, everything: list[Envelope], user_id: str
) -> None:
    rows, before = await db_rows(db, user_id), await stream_of(db, user_id)
    [code] = [row for row in rows if row["kind"] == "verification.code_received"]
    lost, unread = rows[2], before["unread"]
    await owner.execute("UPDATE notification SET body = 'Code: 0', link = '/' WHERE id = $1", code["id"])
    await owner.execute("DELETE FROM notification WHERE id = $1", lost["id"])
    invented = uuid4()
    await owner.execute(
        "INSERT INTO notification SELECT (jsonb_populate_record(n, jsonb_build_object('id', $2::uuid,"
        " 'seq', 900))).* FROM notification n WHERE id = $1",
        rows[0]["id"],
        invented,
    )
    await owner.execute("UPDATE stream SET unread = unread - 1 WHERE user_id = $1", user_id)
    altered = await db_rows(db, user_id)

    with capture_logs() as logs:
        compared = await olga.compares(user_id)
        assert await db_rows(db, user_id) == altered
        mended = await olga.rebuilds(user_id)
        again = await olga.rebuilds(user_id)

    assert (compared["epoch"], mended["epoch"]) == (1, 2)
    assert compared["differences"] == mended["differences"]
    empty: Answer = {"event_id": None, "kind": None, "fields": [], "before": None, "after": None}
    found = [
        {"what": "missing", "event_id": lost["id"], "kind": lost["kind"]},
        {
            "what": "different",
            "event_id": code["id"],
            "kind": code["kind"],
            "fields": ["body", "link"],
        },
        {"what": "unfounded", "event_id": invented, "kind": rows[0]["kind"]},
        {"what": "unread", "before": unread - 1, "after": unread},
    ]
    for each in found:
        if "event_id" in each:
            each["event_id"] = str(each["event_id"])
    assert mended["differences"] == [{**empty, **each} for each in found]
    assert (again["different"], again["unread"]) == (0, unread)
    assert [_said(row) for row in await db_rows(db, user_id)] == [_said(row) for row in rows]
    assert (await stream_of(db, user_id))["read_seq"] == before["read_seq"]
    assert CODE not in f"{logs} {compared} {mended}"


def _said(row: Any) -> dict[str, object]:
    """All but when it was stored: what was lost is stored anew."""
    return {name: value for name, value in row.items() if name != "stored_at"}


async def test_what_comes_meanwhile_is_neither_lost_nor_doubled(
    olga: Olga, db: Database, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    events = [added(user_id, version=n) for n in range(1, 601)]
    await lane_store().handle([delivery_of(event) for event in events[:200]])

    async def come(some: list[Envelope]) -> None:
        for start in range(0, len(some), 5):
            await lane_store().handle([delivery_of(event) for event in some[start : start + 5]])

    async def rebuild() -> list[Answer]:
        return [await olga.rebuilds(user_id) for _ in range(5)]

    _, _, answers = await asyncio.gather(come(events[200:400]), come(events[400:]), rebuild())

    assert [(answer["epoch"], answer["different"]) for answer in answers] == [(n, 0) for n in range(2, 7)]
    rows = await db_rows(db, user_id)
    assert [row["seq"] for row in rows] == list(range(1, 601))
    assert {row["id"] for row in rows} == {event.id for event in events}
    assert (await olga.compares(user_id))["differences"] == []
    assert (await stream_of(db, user_id))["unread"] == 600


async def test_gateways_are_told_of_the_epoch_and_the_trail_of_who_began_it(
    olga: Olga, listener: Any, owner: Owner, everything: list[Envelope], user_id: str
) -> None:
    answer = await olga.rebuilds(user_id)

    [head] = await listener.heard(user_id, 1, StreamHead)
    assert (head.epoch, head.seq) == (2, answer["notifications"])
    entry = await owner.fetchrow(
        "SELECT epoch, detail FROM trail_entry WHERE user_id = $1 AND what = 'rebuilt'", user_id
    )
    assert entry is not None
    assert entry["epoch"] == 2
    assert f'"notifications": {answer["notifications"]}' in entry["detail"]
    assert '"by": "olga"' in entry["detail"]


async def test_what_is_no_longer_there_to_replay_changes_nothing(
    olga: Olga, db: Database, owner: Owner, everything: list[Envelope], user_id: str
) -> None:
    rows, before = await db_rows(db, user_id), await stream_of(db, user_id)
    await owner.execute("UPDATE inbox SET body = NULL WHERE event_id = $1", everything[4].id)
    not_kept = await olga.asks(user_id)
    await owner.execute("UPDATE inbox SET body = '{}' WHERE event_id = $1", everything[4].id)
    unreadable = await olga.asks(user_id)

    for refused in (not_kept, unreadable):
        assert refused.status_code == 409
        assert refused.json()["code"] == "not_replayable"
        assert str(everything[4].id) in refused.json()["detail"]
    assert await db_rows(db, user_id) == rows
    assert await stream_of(db, user_id) == before


async def test_it_is_for_operators_and_for_users_who_have_a_stream(
    olga: Olga, http: httpx.AsyncClient, me: dict[str, str], everything: list[Envelope], user_id: str
) -> None:
    refused = await http.post(f"/v1/streams/{user_id}/rebuild", headers=me)
    unknown = await olga.asks(f"user-{uuid4()}")
    nobody = await olga.asks("no%00body")

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")


async def test_an_event_is_kept_as_it_came(db: Database, everything: list[Envelope], user_id: str) -> None:
    async with db.autocommit() as tx:
        found = await kept.read(tx, [event.id for event in everything])
        order = await kept.order(tx, user_id)

    assert found == {event.id: event for event in everything}
    assert set(order) == set(found)
    shown = {row["id"]: row["seq"] for row in await db_rows(db, user_id)}
    assert order == {id_: shown.get(id_) for id_ in found}
    assert [id_ for id_ in order if id_ in shown] == [event.id for event in everything if event.id in shown]
