"""Every path leaves its entry in the trail, in the transaction of what it tells of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from notifier.adapters.trail import notification_content
from notifier.domain.dispatcher import NOT_TWICE, SILENT, NotificationDispatcher
from notifier.domain.incoming import receive
from notifier.handlers.reads import mark_read, mark_read_up_to
from services.notifier.tests.conftest import Fill, Store, transfer_of
from shared.db import Database
from shared.db.database import AnyConnection
from shared.events import Envelope
from shared.events.credit import CreditAdded, CreditHeld
from shared.events.letter import LetterDiscarded
from shared.events.payment import PaymentInitiated
from shared.events.verification import VerificationCodeReceived
from shared.testing.deliveries import delivery_of, envelope_of
from shared.trail import moment

pytestmark = pytest.mark.servers


async def trail_of(owner: AnyConnection, user_id: str) -> list[dict[str, object]]:
    rows = await owner.fetch(
        "SELECT what, event_id, transfer_id, epoch, seq, up_to, detail FROM trail_entry"
        " WHERE user_id = $1 ORDER BY id",
        user_id,
    )
    return [dict(row) | {"detail": orjson.loads(row["detail"])} for row in rows]


def change(**said: object) -> dict[str, object]:
    return {
        "transfer_id": uuid4(),
        "currency": "USD",
        "amount_minor": 5_00,
        "balance_after": 5_00,
        "held_after": 0,
        "version": 1,
        **said,
    }


async def test_what_is_stored_is_in_the_trail_with_a_salted_digest_of_all_that_is_shown(
    owner: AnyConnection, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    events = [added(user_id), added(user_id)]

    await lane_store().handle([delivery_of(event) for event in events])

    entries = await trail_of(owner, user_id)
    assert [(entry["what"], entry["epoch"], entry["seq"]) for entry in entries] == [
        ("stored", 1, 1),
        ("stored", 1, 2),
    ]
    for event, entry in zip(events, entries, strict=True):
        incoming = receive(event, NotificationDispatcher())
        said, detail = incoming.notification, entry["detail"]
        assert said is not None
        assert isinstance(detail, dict)
        assert (entry["event_id"], entry["transfer_id"]) == (event.id, incoming.transfer_id)
        content = notification_content(event.id, user_id, moment(event.time), said)
        salt = await owner.fetchval("SELECT salt FROM inbox WHERE event_id = $1", event.id)
        assert detail == {
            "type": "credit.added.v1",
            "occurred_at": moment(event.time),
            "kind": "credit.added",
            "title": "Credits Added",
            "amount_minor": 5_00,
            "currency": "USD",
            "digest": hashlib.sha256(salt + content).hexdigest(),
        }
    assert len(await owner.fetch("SELECT DISTINCT salt FROM inbox WHERE user_id = $1", user_id)) == 2


async def test_what_cannot_be_shown_is_in_the_trail_with_the_reason(
    owner: AnyConnection, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    broken = added(user_id)
    data = broken.data.replace(b'"USD"', b'"ZZZ"')

    await lane_store().handle([delivery_of(replace(broken, data=data))])

    [entry] = await trail_of(owner, user_id)
    [reason] = await owner.fetch("SELECT reason, queue FROM parked_event WHERE id = $1", broken.id)
    assert entry["what"] == "parked"
    assert (entry["event_id"], entry["transfer_id"]) == (broken.id, transfer_of(broken))
    assert entry["detail"] == {"type": broken.type, **reason}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (CreditHeld.model_validate(change(reason="sms")), SILENT.reason),
        (
            CreditAdded.model_validate(change(source="payment", reason="-", reference="PAY-1")),
            NOT_TWICE.reason,
        ),
    ],
)
async def test_what_is_not_shown_is_in_the_trail_with_the_reason(
    owner: AnyConnection, lane_store: Store, user_id: str, event: CreditHeld | CreditAdded, reason: str
) -> None:
    envelope = envelope_of(event, user_id)

    await lane_store().handle([delivery_of(envelope)])

    [entry] = await trail_of(owner, user_id)
    assert (entry["what"], entry["event_id"], entry["transfer_id"], entry["seq"]) == (
        "suppressed",
        envelope.id,
        event.transfer_id,
        None,
    )
    reference = {} if event.reference is None else {"reference": event.reference}
    said = {"type": event.TYPE, "occurred_at": moment(envelope.time), "reason": reason}
    assert entry["detail"] == said | reference


async def test_what_another_service_has_discarded_is_in_the_trail_with_who_and_why_and_not_shown(
    owner: AnyConnection, lane_store: Store, user_id: str
) -> None:
    event = LetterDiscarded(
        event_id=uuid4(),
        event_type="payment.succeeded.v1",
        service="credit",
        by="olga",
        reason="Booked by hand",
        transfer_id=uuid4(),
    )
    envelope = envelope_of(event, user_id)

    for _ in range(2):
        await lane_store().handle([delivery_of(envelope)])

    [entry] = await trail_of(owner, user_id)
    assert (entry["what"], entry["event_id"], entry["transfer_id"]) == (
        "suppressed",
        envelope.id,
        event.transfer_id,
    )
    assert entry["detail"] == {
        "type": "letter.discarded.v1",
        "occurred_at": moment(envelope.time),
        "reason": "Discarded at credit by olga: Booked by hand",
        "discarded": "payment.succeeded.v1",
        "service": "credit",
        "by": "olga",
        "why": "Booked by hand",
    }
    for table in ("notification", "stream"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", user_id) == 0  # noqa: S608  # As named above.


async def test_an_event_that_comes_again_is_in_the_trail_once(
    owner: AnyConnection, lane_store: Store, added: Callable[..., Envelope], user_id: str
) -> None:
    shown = delivery_of(added(user_id))
    silent = delivery_of(envelope_of(CreditHeld.model_validate(change(reason="sms")), user_id))

    for _ in range(3):
        await lane_store().handle([shown, silent])

    assert [entry["what"] for entry in await trail_of(owner, user_id)] == ["stored", "suppressed"]


async def test_an_sms_code_is_nowhere_in_the_trail(
    owner: AnyConnection, lane_store: Store, user_id: str
) -> None:
    code = VerificationCodeReceived(verification_id=uuid4(), service="WhatsApp", code="90210-secret")

    await lane_store().handle([delivery_of(envelope_of(code, user_id))])

    [row] = await owner.fetch("SELECT trail_entry::text FROM trail_entry WHERE user_id = $1", user_id)
    assert "SMS Code Received!" in row[0]
    assert "90210" not in row[0]


async def test_a_reference_is_in_the_trail(owner: AnyConnection, lane_store: Store, user_id: str) -> None:
    event = PaymentInitiated(
        payment_id=uuid4(), currency="USD", amount_minor=10_00, reference=f"PAY-{user_id}"
    )

    await lane_store().handle([delivery_of(envelope_of(event, user_id))])

    sql = "SELECT user_id FROM trail_entry WHERE detail ->> 'reference' = $1"
    assert await owner.fetchval(sql, event.reference) == user_id


async def test_what_is_read_is_in_the_trail_as_far_as_it_is_new(
    db: Database, owner: AnyConnection, fill: Fill, user_id: str
) -> None:
    events = await fill(user_id, 5)

    for _ in range(2):
        async with db.transaction() as tx:
            await mark_read(tx, user_id, events[2].id)
        async with db.transaction() as tx:
            await mark_read_up_to(tx, user_id, 4)

    one, range_ = [entry for entry in await trail_of(owner, user_id) if entry["what"] == "read"]
    assert (one["event_id"], one["epoch"], one["seq"], one["up_to"]) == (events[2].id, 1, 3, None)
    assert (range_["event_id"], range_["epoch"], range_["seq"], range_["up_to"]) == (None, 1, 1, 4)
