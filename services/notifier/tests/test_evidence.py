"""Operators look the trail up and export evidence over HTTP; nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from notifier.handlers.audit import Audit
from notifier.main import Settings, build
from services.notifier.tests.conftest import Fill
from shared.db.database import AnyConnection
from shared.events import Envelope
from shared.events.payment import PaymentCompleted, PaymentInitiated
from shared.http.auth import WeakKey
from shared.testing.deliveries import delivery_of, envelope_of
from shared.testing.identities import KeyPair
from shared.testing.waiting import until
from shared.trail import MEDIA_TYPE, fingerprint, read_public_key, read_signed, verify

pytestmark = pytest.mark.servers


@pytest.fixture
def operator(identities) -> dict[str, str]:  # type: ignore[no-untyped-def]  # Of another file's class.
    return {"Authorization": f"Bearer {identities.issuer.token('op', ('operator',))}"}


def transfer_of(event: Envelope) -> UUID:
    return UUID(str(event.event().transfer_id))  # type: ignore[attr-defined]  # They are all of money.


@pytest.mark.parametrize(
    "path",
    ["/v1/trail?user=u", f"/v1/evidence?user=u&transfer={UUID(int=1)}", "/v1/trail/key", "/v1/trail/audit"],
)
async def test_only_operators_may(http: httpx.AsyncClient, me: dict[str, str], path: str) -> None:
    assert (await http.get(path)).status_code == 401
    answer = await http.get(path, headers=me)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "user=a&reference=b",
        f"user=a&transfer={UUID(int=1)}",
        "user=",
        "user=a%00b",
        "reference=a%00b",
        "transfer=x",
        "other=1",
    ],
)
async def test_one_of_three_is_looked_for(
    http: httpx.AsyncClient, operator: dict[str, str], query: str
) -> None:
    answer = await http.get(f"/v1/trail?{query}", headers=operator)

    assert answer.status_code == 422


async def test_a_transfer_has_what_became_of_its_notification_and_nothing_else(
    http: httpx.AsyncClient, operator: dict[str, str], owner: AnyConnection, fill: Fill, user_id: str
) -> None:
    events = await fill(user_id, 5)
    told = "INSERT INTO trail_entry (user_id, what, epoch, seq, up_to) VALUES ($1, $2, $3, $4, $5)"
    for entry in [("pushed", 1, 1, 5), ("pushed", 1, 4, 5), ("acknowledged", 1, 2, 3), ("pushed", 2, 3, 3)]:
        await owner.execute(told, user_id, *entry)

    answer = await http.get(f"/v1/trail?transfer={transfer_of(events[2])}", headers=operator)

    found = [
        (entry["what"], entry["epoch"], entry["seq"], entry["up_to"]) for entry in answer.json()["items"]
    ]
    assert found == [("acknowledged", 1, 2, 3), ("pushed", 1, 1, 5), ("stored", 1, 3, None)]
    assert answer.json()["next"] is None


async def test_a_user_is_read_page_by_page(
    http: httpx.AsyncClient, operator: dict[str, str], fill: Fill, user_id: str
) -> None:
    await fill(user_id, 7)
    found: list[int] = []
    path: str | None = f"/v1/trail?user={user_id}&limit=3"
    while path is not None:
        answer = await http.get(path, headers=operator)
        found += [entry["seq"] for entry in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None

    assert found == [7, 6, 5, 4, 3, 2, 1]


async def test_a_reference_has_all_that_is_about_its_payment(
    http: httpx.AsyncClient, operator: dict[str, str], lane_store: Callable[..., object], user_id: str
) -> None:
    reference, payment = f"PAY-{uuid4().hex[:12].upper()}", uuid4()
    said = {"payment_id": payment, "currency": "USD", "amount_minor": 10_00, "reference": reference}
    change = {"transfer_id": uuid4(), "balance_after": 10_00, "held_after": 0, "version": 1}
    events = [PaymentInitiated(**said), PaymentCompleted(**said, **change)]
    await lane_store().handle([delivery_of(envelope_of(event, user_id)) for event in events])  # type: ignore[attr-defined]

    answer = await http.get("/v1/trail", params={"reference": reference}, headers=operator)

    types = [entry["detail"]["type"] for entry in answer.json()["items"]]
    assert types == ["payment.completed.v1", "payment.initiated.v1"]


async def test_evidence_is_verified_with_the_key_that_is_told(
    http: httpx.AsyncClient,
    operator: dict[str, str],
    owner: AnyConnection,
    fill: Fill,
    trail_key: KeyPair,
    user_id: str,
) -> None:
    events = await fill(user_id, 3)
    key = read_public_key((await http.get("/v1/trail/key", headers=operator)).json()["public_key"])

    async def covered() -> bool:
        """The notifier itself seals and signs."""
        found: bool = await owner.fetchval(
            "SELECT EXISTS (SELECT FROM trail_seal s JOIN trail_checkpoint c ON c.up_to >= s.number"
            " WHERE s.user_id = $1 AND s.place = 3)",
            user_id,
        )
        return found

    await until(covered)
    query = {"user": user_id, "transfer": str(transfer_of(events[1]))}
    answer = await http.get("/v1/evidence", params=query, headers=operator)

    assert answer.headers["content-type"].startswith(MEDIA_TYPE)
    verdict = verify(answer.content.splitlines(keepends=True), key)
    assert verdict.good, verdict.problem
    assert verdict.bundle is not None
    assert [entry.event_id for entry in verdict.bundle.entries] == [events[1].id]
    assert fingerprint(key) == fingerprint(read_public_key(trail_key.public))


async def test_the_whole_trail_is_audited_part_by_part(
    http: httpx.AsyncClient,
    operator: dict[str, str],
    owner: AnyConnection,
    fill: Fill,
    trail_key: KeyPair,
    user_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = read_public_key(trail_key.public)
    monkeypatch.setattr(Audit, "PAGE_CHECKPOINTS", 1)
    for count in (1, 2):
        checkpoints = await owner.fetchval("SELECT count(*) FROM trail_checkpoint")
        await fill(user_id, count)

        async def signed(before: int = checkpoints) -> bool:
            return bool(await owner.fetchval("SELECT count(*) > $1 FROM trail_checkpoint", before))

        await until(signed)
    parts: list[dict[str, Any]] = []
    query: dict[str, str] | None = {}
    while query is not None:
        parts.append((await http.get("/v1/trail/audit", params=query, headers=operator)).json())
        query = {"after": parts[-1]["next"]} if parts[-1]["next"] else None

    assert [part["faults"] for part in parts if part["faults"]] == []
    found = [read_signed(each) for part in parts for each in part["checkpoints"]]
    assert [each.checkpoint.number for each in found] == list(range(1, len(found) + 1))
    assert len(parts) > len(found) > 1
    assert all(each.checkpoint.verify(key, each.signature) for each in found)
    assert sum(part["seals"] for part in parts) >= 3


@pytest.mark.parametrize("after", ["", "x", "1.2", "1.2.3.4", f"{2**63}.0.0", "-1.0.0", "1.0.x"])
async def test_a_cursor_of_no_audit_is_refused(
    http: httpx.AsyncClient, operator: dict[str, str], after: str
) -> None:
    answer = await http.get("/v1/trail/audit", params={"after": after}, headers=operator)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_of_somebody_unknown_there_is_no_evidence(
    http: httpx.AsyncClient, operator: dict[str, str]
) -> None:
    answer = await http.get(f"/v1/evidence?user=nobody&transfer={uuid4()}", headers=operator)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_dead_letter_that_is_discarded_is_in_the_trail_with_who_and_why(
    http: httpx.AsyncClient,
    operator: dict[str, str],
    owner: AnyConnection,
    lane_store: Callable[..., object],
    added: Callable[..., Envelope],
    user_id: str,
) -> None:
    poison = added(user_id, reason="a NUL: \x00")
    await lane_store().handle([delivery_of(poison)])  # type: ignore[attr-defined]
    path = f"/v1/dead-letters/notifier/{poison.id}/discard"

    for status in (200, 409):
        answer = await http.post(path, json={"reason": "it can never be shown"}, headers=operator)
        assert answer.status_code == status

    entries = await owner.fetch("SELECT * FROM trail_entry WHERE user_id = $1 ORDER BY id", user_id)
    assert [(each["what"], each["event_id"]) for each in entries] == [
        ("parked", poison.id),
        ("discarded", poison.id),
    ]
    answer = await http.get(f"/v1/trail?transfer={entries[1]['transfer_id']}", headers=operator)
    [shown, _] = answer.json()["items"]
    assert shown["detail"] == {"by": "op", "reason": "it can never be shown", "type": "credit.added.v1"}


@pytest.mark.parametrize("key", ["", "x", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"])
def test_a_key_that_cannot_sign_stops_the_start_and_is_not_shown(settings: Settings, key: str) -> None:
    with pytest.raises(WeakKey, match="LEDGERBELL_TRAIL_KEY: the private key"):
        build(settings.model_copy(update={"trail_key": key}))

    assert settings.trail_key not in repr(settings)
    assert repr(settings.trail_key) not in repr(settings)


def test_a_former_key_that_cannot_be_read_stops_the_start(settings: Settings) -> None:
    with pytest.raises(WeakKey, match="LEDGERBELL_TRAIL_FORMER_KEYS: the public key is neither"):
        build(settings.model_copy(update={"trail_former_keys": "hunter2"}))
