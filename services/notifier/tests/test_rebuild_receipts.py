"""What is pushed, acknowledged and read after a rebuild is told of the notification that it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from notifier.adapters import receipts, trail
from notifier.adapters.push import Push
from notifier.domain.dispatcher import SILENT, NotificationDispatcher
from notifier.domain.notification import Notification, Suppressed
from notifier.handlers.reads import mark_read_up_to
from notifier.handlers.rebuild import Rebuilder
from notifier.handlers.record import Recorder
from notifier.handlers.store import BatchStore
from services.notifier.tests.conftest import Fill, Store
from shared.db import Database
from shared.events import Envelope, Event
from shared.events.credit import CreditAdded
from shared.events.receipts import Acknowledged, Pushed, ReceiptBatch
from shared.http.auth import OPERATOR
from shared.messaging import Publisher
from shared.testing.deliveries import delivery_of
from shared.testing.identities import KeyPair
from shared.trail import moment, read_public_key, verify

pytestmark = pytest.mark.servers


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
        said = [Acknowledged(**place, session=uuid4().hex, sent_from=1)]
        batch = ReceiptBatch(gateway=uuid4().hex, number=1, pushed=pushed, acknowledged=said)
        async with db.autocommit() as tx:
            assert await receipts.store(tx, [batch]) == 2

    return come


def transfer_of(event: Envelope) -> UUID:
    return UUID(str(event.event().transfer_id))  # type: ignore[attr-defined]  # They are all of money.


Said = tuple[Any, ...]
SAID = ("what", "epoch", "seq", "up_to")


class Olga:
    """An operator who looks a user's transfers up."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str], key: str, user_id: str) -> None:
        self._http = http
        self._headers = headers
        self._key = read_public_key(key)
        self._user_id = user_id

    async def looks_up(self, event: Envelope) -> list[dict[str, Any]]:
        """The oldest first."""
        answer = await self._asks("/v1/trail", {"transfer": str(transfer_of(event))})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items[::-1]

    async def knows(self, event: Envelope) -> list[Said]:
        """What the timeline has of its transfer; evidence that can be checked has the same."""
        found = [tuple(map(entry.get, SAID)) for entry in await self.looks_up(event)]
        query = {"user": self._user_id, "transfer": str(transfer_of(event))}
        exported = (await self._asks("/v1/evidence", query)).content
        verdict = verify(exported.splitlines(keepends=True), self._key)
        assert verdict.good, verdict.problem
        assert verdict.bundle is not None
        proven = [*verdict.bundle.entries, *verdict.bundle.unsealed]
        assert found == [(entry.what, entry.epoch, entry.seq, entry.up_to) for entry in proven]
        return found

    async def _asks(self, path: str, query: dict[str, str]) -> httpx.Response:
        return (await self._http.get(path, params=query, headers=self._headers)).raise_for_status()


@pytest.fixture
def olga(http: httpx.AsyncClient, identities: Any, trail_key: KeyPair, user_id: str) -> Olga:
    token = identities.issuer.token("olga", roles=[OPERATOR])
    return Olga(http, {"Authorization": f"Bearer {token}"}, trail_key.public, user_id)


def both(epoch: int, seq: int, up_to: int | None = None) -> list[Said]:
    return [(what, epoch, seq, up_to or seq) for what in ("pushed", "acknowledged")]


async def test_what_is_acknowledged_after_rebuilds_is_of_the_same_transfer(
    olga: Olga,
    rebuilds: Callable[..., Awaitable[object]],
    db: Database,
    fill: Fill,
    tell: Callable[..., Awaitable[None]],
    user_id: str,
) -> None:
    events = await fill(user_id, 4)
    await rebuilds(user_id)
    await tell(2, 3)
    await tell(1, 2, 3)  # Late: it was gathered before.
    await rebuilds(user_id)
    await tell(3, 2, 4)
    await tell(4, 3)  # Of an epoch that has not begun.
    async with db.transaction() as tx:
        await mark_read_up_to(tx, user_id, 3)

    told = [("stored", 1, 3, None), ("rebuilt", 2, None, None), *both(2, 3), *both(1, 2, 3)]
    told += [("rebuilt", 3, None, None), *both(3, 2, 4), ("read", 3, 1, 3)]
    assert await olga.knows(events[2]) == told
    last = [("stored", 1, 4, None), ("rebuilt", 2, None, None), ("rebuilt", 3, None, None), *both(3, 2, 4)]
    assert await olga.knows(events[3]) == last


async def test_a_notification_that_a_rebuild_moves_takes_its_receipts_along(
    olga: Olga,
    db: Database,
    rebuilds: Callable[..., Awaitable[object]],
    lane_store: Store,
    added: Callable[..., Envelope],
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
    await rebuilds(user_id)  # All four.
    await tell(4, 3)
    await tell(4, 2)

    rebuilt: list[Said] = [("rebuilt", epoch, None, None) for epoch in (2, 3, 4)]
    assert await olga.knows(events[0]) == [("stored", 1, 1, None), *rebuilt]
    hidden = [("stored", 1, 2, None), rebuilt[0], ("rebuilt", 2, None, None), rebuilt[1]]
    hidden += [rebuilt[2], ("rebuilt", 4, 2, None), *both(4, 2)]
    assert await olga.knows(events[1]) == hidden
    moved = [
        ("stored", 1, 3, None),
        ("discarded", None, None, None),
        rebuilt[0],
        ("rebuilt", 2, 2, None),
        *both(2, 2),
    ]
    moved += [rebuilt[1], *both(3, 2), rebuilt[2], ("rebuilt", 4, 3, None), *both(4, 3)]
    assert await olga.knows(events[2]) == moved


async def test_what_is_shown_only_since_a_rebuild_is_told_as_far_as_it_is_known(
    olga: Olga,
    rebuilds: Callable[..., Awaitable[object]],
    db: Database,
    added: Callable[..., Envelope],
    tell: Callable[..., Awaitable[None]],
    user_id: str,
) -> None:
    """An older version did not show it."""
    push = Push(Publisher("amqp://nobody@127.0.0.1:1/", "tests"))
    older = BatchStore(db, OfAnotherVersion("b"), push, "notifier.test", Recorder("test"))
    events = [added(user_id, reason=reason, version=n) for n, reason in enumerate("abc", 1)]
    await older.handle([delivery_of(event) for event in events])

    await rebuilds(user_id)
    await tell(2, 2)

    told = [("suppressed", None, None, None), ("rebuilt", 2, 2, None), *both(2, 2)]
    assert await olga.knows(events[1]) == told
    entry = (await olga.looks_up(events[1]))[1]
    assert entry["event_id"] == str(events[1].id)
    assert len(entry["detail"].pop("digest")) == 64
    assert entry["detail"] == {
        "type": "credit.added.v1",
        "occurred_at": moment(events[1].time),
        "kind": "credit.added",
        "title": "Credits Added",
        "amount_minor": 5_00,
        "currency": "USD",
    }
