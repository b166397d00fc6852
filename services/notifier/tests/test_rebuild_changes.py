"""What a rebuild makes say something else is in the trail; what it shows no more is missed by coverage."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from notifier.adapters import coverage
from notifier.adapters.push import Push
from notifier.adapters.trail import notification_content
from notifier.domain.dispatcher import SILENT, NotificationDispatcher
from notifier.domain.notification import Notification, Suppressed
from notifier.handlers.coverage import StatementStore
from notifier.handlers.rebuild import LOGGED, Rebuilder
from notifier.handlers.reconciler import Reconciler
from notifier.handlers.record import Recorder
from notifier.handlers.store import BatchStore
from services.notifier.tests.conftest import CreditAdder, Export, Fill, Seal, Store, transfer_of
from services.notifier.tests.test_coverage import figures, named, statement
from services.notifier.tests.test_coverage import transfer_of as stated
from services.notifier.tests.test_trail import change, trail_of
from shared.db import Database
from shared.db.database import AnyConnection as Owner
from shared.events import Envelope, Event
from shared.events.credit import CreditAdded, CreditDeducted
from shared.events.payment import PaymentCompleted
from shared.events.refund import RefundCompleted, RefundFailed
from shared.messaging import Publisher
from shared.testing.deliveries import delivery_of, envelope_of
from shared.trail import Verdict, moment

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("nothing_stated")]

Said = Notification | Suppressed
Change = Callable[[Notification], Said]
Rebuild = Callable[[str, Change], Awaitable[object]]


class OfAnotherRelease(NotificationDispatcher):
    """Shows what today's does, changed."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self._change = change

    def dispatch(self, event: Event) -> Said:
        said = super().dispatch(event)
        return said if isinstance(said, Suppressed) else self._change(said)


@pytest.fixture
def nobody() -> Push:
    return Push(Publisher("amqp://nobody@127.0.0.1:1/", "tests"))


@pytest.fixture
def rebuild(db: Database, nobody: Push) -> Rebuild:
    """As a notifier of another release would."""

    async def run(user_id: str, change: Change) -> object:
        return await Rebuilder(db, OfAnotherRelease(change), nobody).rebuild(user_id, "olga")

    return run


def as_today(said: Notification) -> Said:
    return said


def hides_all(_: Notification) -> Said:
    return SILENT


def reworded(said: Notification) -> Said:
    return replace(said, title="More credits", body=f"There are {said.amount} more")


def of_another_amount(said: Notification) -> Said:
    return replace(said, amount_minor=(said.amount_minor or 0) + 1)


def only(transfer_id: UUID, change: Change) -> Change:
    """As today, but for one."""
    return lambda said: change(said) if said.transfer_id == transfer_id else said


async def digest_of(owner: Owner, event: Envelope, change: Change) -> str:
    """Of what its user is shown, with the salt that is kept with the event."""
    shown = OfAnotherRelease(change).dispatch(event.event())
    assert isinstance(shown, Notification)
    salt = await owner.fetchval("SELECT salt FROM inbox WHERE event_id = $1", event.id)
    content = notification_content(event.id, event.subject, moment(event.time), shown)
    return hashlib.sha256(salt + content).hexdigest()


async def told_anew(owner: Owner, user_id: str) -> list[dict[str, Any]]:
    entries = await trail_of(owner, user_id)
    return [each for each in entries if each["what"] == "rebuilt" and each["event_id"] is not None]


async def test_a_notification_that_says_something_else_is_told_with_its_new_digest(
    owner: Owner, rebuild: Rebuild, fill: Fill, user_id: str
) -> None:
    events = await fill(user_id, 3)
    second = transfer_of(events[1])

    for _ in range(2):  # The second time it says so already.
        await rebuild(user_id, only(second, reworded))

    [entry] = await told_anew(owner, user_id)
    assert (entry["event_id"], entry["transfer_id"], entry["epoch"], entry["seq"]) == (
        events[1].id,
        second,
        2,
        2,
    )
    assert entry["detail"] == {
        "type": "credit.added.v1",
        "occurred_at": moment(events[1].time),
        "kind": "credit.added",
        "title": "More credits",
        "amount_minor": 5_00,
        "currency": "USD",
        "changed": "title, body",
        "digest": await digest_of(owner, events[1], reworded),
    }


async def test_evidence_of_it_is_good_and_says_both(
    rebuild: Rebuild,
    fill: Fill,
    seal: Seal,
    export: Export,
    verdict: Callable[[list[bytes]], Verdict],
    user_id: str,
) -> None:
    [event] = await fill(user_id, 1)
    await rebuild(user_id, reworded)
    await seal()

    found = verdict(await export(user_id, transfer_of(event)))

    assert found.good, found.problem
    assert found.bundle is not None
    titles = [(each.what, each.seq, each.detail.get("title")) for each in found.bundle.entries]
    assert titles == [
        ("stored", 1, "Credits Added"),
        ("rebuilt", None, None),
        ("rebuilt", 1, "More credits"),
    ]


async def test_what_has_moved_or_is_shown_for_the_first_time_has_its_digest_too(
    db: Database, owner: Owner, rebuild: Rebuild, added: CreditAdder, nobody: Push, user_id: str
) -> None:
    events = [added(user_id, version=n) for n in (1, 2)]
    hidden = OfAnotherRelease(only(transfer_of(events[0]), hides_all))
    older = BatchStore(db, hidden, nobody, "notifier.test", Recorder("test"))
    await older.handle([delivery_of(event) for event in events])

    await rebuild(user_id, as_today)

    told = await told_anew(owner, user_id)
    assert [(each["event_id"], each["seq"]) for each in told] == [(events[0].id, 1), (events[1].id, 2)]
    for each, event in zip(told, events, strict=True):
        assert each["detail"]["digest"] == await digest_of(owner, event, as_today)
        assert "changed" not in each["detail"]


async def test_what_was_gone_is_told_as_it_is_made_anew(
    owner: Owner, rebuild: Rebuild, fill: Fill, user_id: str
) -> None:
    """A release lies between: what stood there is known by the trail alone."""
    events = await fill(user_id, 2)
    await owner.execute("DELETE FROM notification WHERE id = $1", events[0].id)

    await rebuild(user_id, only(transfer_of(events[0]), reworded))

    [entry] = await told_anew(owner, user_id)
    assert (entry["event_id"], entry["seq"], entry["detail"]["title"]) == (events[0].id, 1, "More credits")
    assert entry["detail"]["digest"] == await digest_of(owner, events[0], reworded)


async def test_what_was_different_is_in_the_log_by_its_names(
    rebuild: Rebuild, fill: Fill, user_id: str
) -> None:
    """Whoever asked for it may have gone before the answer was there."""
    events = await fill(user_id, LOGGED + 1)

    with capture_logs() as logs:
        await rebuild(user_id, reworded)
        await rebuild(user_id, hides_all)

    changed, hidden = (line for line in logs if line["event"] == "stream.rebuilt")
    assert changed["differences"] == LOGGED + 1
    assert changed["first"] == [f"different {event.id} credit.added title,body" for event in events[:LOGGED]]
    assert hidden["differences"] == LOGGED + 3
    assert hidden["first"][0] == f"unfounded {events[0].id} credit.added"
    assert "More" not in f"{logs}"


def transfers(user_id: str) -> list[list[Envelope]]:
    """Of every kind: the ledger's event, and the one that shows it where that is another."""
    bonus = CreditAdded.model_validate(change(source="bonus", reason="r"))
    spent = CreditDeducted.model_validate(change(reason="r"))
    paid, back, again = uuid4(), uuid4(), uuid4()
    refund: dict[str, Any] = {"refund_id": uuid4(), "reference": "REF-1", "reason": "timeout"}

    def booked(transfer_id: UUID, source: str) -> CreditAdded:
        return CreditAdded.model_validate(change(transfer_id=transfer_id, source=source, reason="r"))

    completed = PaymentCompleted.model_validate(
        change(transfer_id=paid, payment_id=uuid4(), reference="PAY-1")
    )
    given_back = RefundCompleted.model_validate(change(transfer_id=back, **refund))
    failed = RefundFailed(
        transfer_id=again, currency="USD", amount_minor=5_00, kind="money", reversed=True, **refund
    )
    found: list[list[Event]] = [
        [bonus],
        [spent],
        [booked(paid, "payment"), completed],
        [booked(back, "refund"), given_back],
        [booked(again, "refund"), failed],
    ]
    return [[envelope_of(event, user_id) for event in events] for events in found]


def of_the_ledger(events: list[Envelope]) -> Any:
    line = stated(events[0])
    return line._replace(amount_minor=-line.amount_minor) if line.kind == "deduction" else line


@pytest.mark.parametrize("change", [hides_all, of_another_amount])
async def test_a_transfer_that_a_rebuild_shows_no_more_is_a_hole_until_one_shows_it_again(
    db: Database, rebuild: Rebuild, lane_store: Store, nobody: Push, user_id: str, change: Change
) -> None:
    booked = transfers(user_id)
    await lane_store().handle([delivery_of(event) for events in booked for event in events])
    lines = [of_the_ledger(events) for events in booked]
    await StatementStore(db)([statement(1, *lines)])
    assert (await figures(db)).percent == 100
    reconciler = Reconciler(db, Publisher("amqp://nobody@127.0.0.1:1/", "tests"))

    await rebuild(user_id, change)

    assert await reconciler.look() == 0
    found = await figures(db)
    assert (found.stated, found.holes) == (len(booked), len(booked))
    async with db.autocommit() as tx:
        holes = await coverage.holes(tx, 100)
    shown_as = ("transfer_id", "kind", "user_id", "amount_minor", "currency")
    assert {tuple(hole[name] for name in shown_as) for hole in holes} == {
        (line.id, line.kind, line.user_id, line.amount_minor, line.currency) for line in lines
    }
    await rebuild(user_id, as_today)
    assert await reconciler.look() == len(booked)
    assert (await figures(db)).percent == 100


async def test_what_is_only_said_otherwise_is_no_hole(
    db: Database, rebuild: Rebuild, fill: Fill, user_id: str
) -> None:
    await StatementStore(db)([statement(1, *(stated(event) for event in await fill(user_id, 3)))])

    await rebuild(user_id, reworded)

    assert (await figures(db)).percent == 100


async def test_nobody_closes_a_hole_by_what_a_rebuild_is_about_to_take_away(
    db: Database, rebuild: Rebuild, lane_store: Store, added: CreditAdder, user_id: str
) -> None:
    """It was lost, came after all, and is hidden before anybody has looked again."""
    event = added(user_id)
    await StatementStore(db)([statement(1, stated(event))])
    await lane_store().handle([delivery_of(event)])
    async with db.transaction() as tx:
        await coverage.check(tx, [stated(event)._replace(amount_minor=1)])  # As a rebuild does: it is locked.
        async with db.transaction() as other:
            assert await coverage.look(other) == (0, [])

    await rebuild(user_id, hides_all)

    assert await named(db) == [transfer_of(event)]
