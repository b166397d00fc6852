"""Real signatures verify, also over HTTP; a flipped bit, a stale time, a wrong secret do not."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from shared.providers.errors import InvalidWebhook
from verification.adapters.providers import FiveSim, Sandbox
from verification.domain.orders import Notice

if TYPE_CHECKING:
    from services.verification.tests.bench import Api, Bench

OLD, NEW, OTHER = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8, "whsec_" + "b3RoZXIh" * 4
BODY = json.dumps({"type": "sms.received", "timestamp": "t", "data": {"id": "or_1", "sms": ["x"]}}).encode()


def signed(
    body: bytes = BODY, secret: str = NEW, *, at: float | None = None, event_id: str = "evt_1"
) -> dict[str, str]:
    """By the Standard Webhooks' own library."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, moment, body.decode()),
    }


def sandbox(*secrets: str) -> Sandbox:
    return Sandbox("http://127.0.0.1:1", "k", secrets)


def refused(provider: Sandbox | FiveSim, headers: dict[str, str], body: bytes = BODY) -> None:
    with pytest.raises(InvalidWebhook):
        provider.verify_webhook(body, headers)


def test_a_real_signature_verifies() -> None:
    assert sandbox(NEW).verify_webhook(BODY, signed()) == Notice("evt_1", "sms.received", "or_1")


def test_during_a_rotation_both_secrets_verify() -> None:
    assert sandbox(NEW, OLD).verify_webhook(BODY, signed(secret=OLD)).order_id == "or_1"
    assert sandbox(NEW, OLD).verify_webhook(BODY, signed(secret=NEW)).order_id == "or_1"
    refused(sandbox(NEW), signed(secret=OLD))
    refused(sandbox(NEW, OLD), signed(secret=OTHER))


def test_no_bit_of_the_body_may_flip() -> None:
    provider, headers = sandbox(NEW), signed()

    for place in range(len(BODY) * 8):
        flipped = bytearray(BODY)
        flipped[place // 8] ^= 1 << place % 8
        refused(provider, headers, bytes(flipped))


def test_no_character_of_the_signature_or_the_id_may_change() -> None:
    provider, headers = sandbox(NEW), signed()

    for place in range(3, 43):
        given = headers["webhook-signature"]
        other = given[:place] + ("0" if given[place] != "0" else "1") + given[place + 1 :]
        refused(provider, headers | {"webhook-signature": other})
    refused(provider, headers | {"webhook-id": "evt_2"})


@pytest.mark.parametrize("seconds", [-302, -86400, 302, 86400])
def test_a_stale_or_early_time_does_not(seconds: int) -> None:
    refused(sandbox(NEW), signed(at=time.time() + seconds))
    renewed = signed(at=time.time() + seconds) | {"webhook-timestamp": str(int(time.time()))}
    refused(sandbox(NEW), renewed)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "e", "webhook-timestamp": "nan", "webhook-signature": "v1,x"},
        {"webhook-id": "e", "webhook-timestamp": "now", "webhook-signature": "v1"},
        signed(event_id="e" * 300),
    ],
)
def test_nonsense_is_refused(headers: dict[str, str]) -> None:
    refused(sandbox(NEW), headers)
    refused(FiveSim("t"), headers)


@pytest.mark.parametrize(
    "told", [[], {"type": "x"}, {"type": "x", "data": {"id": ""}}, {"type": "x", "data": {"id": "a\x00"}}]
)
def test_a_signed_body_that_names_no_order_is_refused(told: object) -> None:
    body = json.dumps(told).encode()
    refused(sandbox(NEW), signed(body), body)


@pytest.fixture
def receiver(bench: Bench) -> Bench:
    bench.trade.providers["sandbox"] = sandbox(NEW, OLD)
    return bench


async def test_over_http_a_replay_is_taken_again_and_kept_once(receiver: Bench, api: Api) -> None:
    event_id = f"evt-{uuid4()}"
    once, rotated = signed(event_id=event_id), signed(secret=OLD, event_id=event_id)

    assert [await api.tell("sandbox", BODY, headers) for headers in (once, once, rotated)] == [204] * 3

    (kept,) = await receiver.books.ours.fetch("SELECT notice FROM webhook WHERE event_id = $1", event_id)
    assert json.loads(kept["notice"]) == {"type": "sms.received", "order_id": "or_1"}, "its text stays behind"


async def test_over_http_nothing_unsigned_is_kept(receiver: Bench, api: Api) -> None:
    event_id = f"evt-{uuid4()}"
    wrong = [
        {},
        signed(secret=OTHER, event_id=event_id),
        signed(at=time.time() - 400, event_id=event_id),
        signed(b"{}", event_id=event_id),
    ]

    assert [await api.tell("sandbox", BODY, headers) for headers in wrong] == [401] * 4
    assert await api.tell("nobody", BODY, signed(event_id=event_id)) == 404

    assert not await receiver.books.ours.fetch("SELECT 1 FROM webhook WHERE event_id = $1", event_id)
