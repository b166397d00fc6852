"""A stream is made anew of its events: the same as before, or what was not is named and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from notifier.adapters import kept
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.handlers.reads import mark_read, mark_read_up_to
from notifier.handlers.store import BatchStore
from shared.db import Database
from shared.db.database import AnyConnection as Owner
from shared.events import Envelope
from shared.events.examples import EXAMPLES
from shared.events.notifier import StreamHead
from shared.http.auth import OPERATOR
from shared.testing.deliveries import delivery_of, envelope_of

pytestmark = pytest.mark.servers

Store = Callable[[], BatchStore]
Fill = Callable[[str, int], Awaitable[list[Envelope]]]
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
<<<<<<< HEAD


# What came of it, in whatever epoch -------------------------------------------------------------------------


class OfAnotherVersion(NotificationDispatcher):
    """Shows what today's does, but for bonuses with one of these reasons."""

    def __init__(self, *hidden: str) -> None:
        super().__init__()
        self._hidden = hidden

    def dispatch(self, event: Event) -> Notification | Suppressed:
        is_hidden = isinstance(event, CreditAdded) and event.reason in self._hidden
        return SILENT if is_hidden else super().dispatch(event)


@pytest.fixture
def rebuilds(db: Database) -> Callable[..., Awaitable[object]]:
    """As a notifier of another version would, which hides bonuses with these reasons."""

    async def rebuild(user_id: str, *hidden: str) -> object:
        push = Push(Publisher("amqp://nobody@127.0.0.1:1/", "tests"))
        return await Rebuilder(db, OfAnotherVersion(*hidden), push).rebuild(user_id, "olga")

    return rebuild


@pytest.fixture
def tell(db: Database, user_id: str) -> Callable[..., Awaitable[None]]:
    """A gateway says that numbers of an epoch were pushed, and acknowledged by one session."""

    async def come(epoch: int, seq: int, up_to: int | None = None) -> None:
        place = {
            "user_id": user_id,
            "epoch": epoch,
            "seq": seq,
            "up_to": up_to or seq,
            "at": datetime.now(UTC),
        }
        pushed = [Pushed(**place, tabs=1)]
        said = [Acknowledged(**place, session=uuid4().hex)]
        batch = ReceiptBatch(gateway=uuid4().hex, number=1, pushed=pushed, acknowledged=said)
        async with db.autocommit() as tx:
            assert await receipts.store(tx, [batch]) == 2

    return come


def transfer_of(event: Envelope) -> UUID:
    return UUID(str(event.event().transfer_id))  # type: ignore[attr-defined]  # They are all of money.


Said = tuple[str, int | None, int | None, int | None]


async def said_of(olga: Olga, key: KeyPair, user_id: str, event: Envelope) -> list[Said]:
    """What the timeline has of its transfer, the oldest first; evidence that can be checked has the same."""
    transfer_id = transfer_of(event)
    entries = await olga.looks_up(transfer=str(transfer_id))
    verdict = verify(await olga.exports(user_id, transfer_id), read_public_key(key.public))
    assert verdict.good, verdict.problem
    assert verdict.bundle is not None
    found = [(entry["what"], entry["epoch"], entry["seq"], entry["up_to"]) for entry in entries]
    proven = [*verdict.bundle.entries, *verdict.bundle.unsealed]
    assert found == [(entry.what, entry.epoch, entry.seq, entry.up_to) for entry in proven]
    return found


def both(epoch: int, seq: int, up_to: int | None = None) -> list[Said]:
    return [(what, epoch, seq, up_to or seq) for what in ("pushed", "acknowledged")]


async def test_what_is_acknowledged_after_rebuilds_is_of_the_same_transfer(
    olga: Olga,
    db: Database,
    fill: Fill,
    trail_key: KeyPair,
    tell: Callable[..., Awaitable[None]],
    user_id: str,
) -> None:
    events = await fill(user_id, 4)
    await olga.rebuilds(user_id)
    await tell(2, 3)
    await tell(1, 2, 3)  # Late: it was gathered before.
    await olga.rebuilds(user_id)
    await tell(3, 2, 4)
    await tell(4, 3)  # Of an epoch that has not begun.
    async with db.transaction() as tx:
        await mark_read_up_to(tx, user_id, 3)

    told = [("stored", 1, 3, None), ("rebuilt", 2, None, None), *both(2, 3), *both(1, 2, 3)]
    told += [("rebuilt", 3, None, None), *both(3, 2, 4), ("read", 3, 1, 3)]
    assert await said_of(olga, trail_key, user_id, events[2]) == told
    last = [("stored", 1, 4, None), ("rebuilt", 2, None, None), ("rebuilt", 3, None, None), *both(3, 2, 4)]
    assert await said_of(olga, trail_key, user_id, events[3]) == last


async def test_a_notification_that_a_rebuild_moves_takes_its_receipts_along(
    olga: Olga,
    db: Database,
    rebuilds: Callable[..., Awaitable[object]],
    lane_store: Store,
    added: Callable[..., Envelope],
    trail_key: KeyPair,
    tell: Callable[..., Awaitable[None]],
    user_id: str,
) -> None:
    events = [added(user_id, reason=reason, version=n) for n, reason in enumerate("abcd", 1)]
    await lane_store().handle([delivery_of(event) for event in events])
    discarded = {"by": "olga", "reason": "it had come before", "type": "credit.added.v1"}
    async with db.transaction() as tx:
        await trail.ended(tx, "discarded", user_id, events[2].id, transfer_of(events[2]), discarded)
    await rebuilds(user_id, "b")  # a, c, d
    await tell(2, 2)
    await tell(2, 3)
    await rebuilds(user_id, "b")  # The same again.
    await tell(3, 2)
    await olga.rebuilds(user_id)  # All four.
    await tell(4, 3)
    await tell(4, 2)

    rebuilt: list[Said] = [("rebuilt", epoch, None, None) for epoch in (2, 3, 4)]
    assert await said_of(olga, trail_key, user_id, events[0]) == [("stored", 1, 1, None), *rebuilt]
    hidden = [("stored", 1, 2, None), rebuilt[0], ("rebuilt", 2, None, None), rebuilt[1]]
    hidden += [rebuilt[2], ("rebuilt", 4, 2, None), *both(4, 2)]
    assert await said_of(olga, trail_key, user_id, events[1]) == hidden
    moved = [
        ("stored", 1, 3, None),
        ("discarded", None, None, None),
        rebuilt[0],
        ("rebuilt", 2, 2, None),
        *both(2, 2),
    ]
    moved += [rebuilt[1], *both(3, 2), rebuilt[2], ("rebuilt", 4, 3, None), *both(4, 3)]
    assert await said_of(olga, trail_key, user_id, events[2]) == moved


async def test_what_is_shown_only_since_a_rebuild_is_told_as_far_as_it_is_known(
    olga: Olga,
    db: Database,
    added: Callable[..., Envelope],
    trail_key: KeyPair,
    tell: Callable[..., Awaitable[None]],
    user_id: str,
) -> None:
    """An older version did not show it."""
    push = Push(Publisher("amqp://nobody@127.0.0.1:1/", "tests"))
    older = BatchStore(db, OfAnotherVersion("b"), push, "notifier.test", Recorder("test"))
    events = [added(user_id, reason=reason, version=n) for n, reason in enumerate("abc", 1)]
    await older.handle([delivery_of(event) for event in events])

    await olga.rebuilds(user_id)
    await tell(2, 2)

    told = [("suppressed", None, None, None), ("rebuilt", 2, 2, None), *both(2, 2)]
    assert await said_of(olga, trail_key, user_id, events[1]) == told
    entry = (await olga.looks_up(transfer=str(transfer_of(events[1]))))[1]
    assert entry["event_id"] == str(events[1].id)
    assert entry["detail"] == {
        "type": "credit.added.v1",
        "occurred_at": moment(events[1].time),
        "kind": "credit.added",
        "title": "Credits Added",
        "amount_minor": 5_00,
        "currency": "USD",
    }
=======
>>>>>>> work
