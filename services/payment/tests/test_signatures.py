"""Real signatures verify; a flipped bit, a stale time, a wrong secret do not; two secrets do."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from standardwebhooks import Webhook
from stripe import WebhookSignature

from payment.adapters.providers import Paystack, Sandbox, Stripe
from payment.domain.provider import WebhookEvent
from shared.providers.errors import InvalidWebhook

if TYPE_CHECKING:
    from payment.adapters.providers import Provider

OLD, NEW, OTHER = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8, "whsec_" + "b3RoZXIh" * 4
Signed = tuple[dict[str, str], bytes]


def by_stripe(body: bytes, secret: str = NEW, at: float | None = None) -> Signed:
    """Signed by Stripe's own library."""
    timestamp = int(time.time() if at is None else at)
    header = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp)
    return {"stripe-signature": header}, body


def by_sandbox(body: bytes, secret: str = NEW, at: float | None = None) -> Signed:
    """Signed by the Standard Webhooks' own library."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    signature = Webhook(secret).sign("evt_1", moment, body.decode())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }
    return headers, body


def by_paystack(body: bytes, secret: str = NEW, at: float | None = None) -> Signed:
    del at  # The scheme has no time.
    return {"x-paystack-signature": hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()}, body


def stripe(*secrets: str) -> Provider:
    return Stripe("sk_test", secrets, seconds=1, return_url="https://shop.test")


def sandbox(*secrets: str) -> Provider:
    return Sandbox("http://127.0.0.1:1", "k", secrets, seconds=1)


def paystack(*secrets: str) -> Provider:
    return Paystack(secrets, email_domain="shop.test", seconds=1)


STRIPE_BODY = orjson.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "data": {"object": {"id": "cs_1", "client_reference_id": "PAY-7F3K9Q2M"}},
    }
)
SANDBOX_BODY = orjson.dumps(
    {"type": "checkout.paid", "timestamp": "t", "data": {"id": "co_1", "reference": "PAY-7F3K9Q2M"}}
)
PAYSTACK_BODY = orjson.dumps({"event": "charge.success", "data": {"id": 7, "reference": "PAY-7F3K9Q2M"}})

Sign = Callable[..., Signed]
Make = Callable[..., "Provider"]
SCHEMES: dict[str, tuple[Make, Sign, bytes]] = {
    "stripe": (stripe, by_stripe, STRIPE_BODY),
    "sandbox": (sandbox, by_sandbox, SANDBOX_BODY),
    "paystack": (paystack, by_paystack, PAYSTACK_BODY),
}


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> tuple[Make, Sign, bytes]:
    return SCHEMES[request.param]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stripe", WebhookEvent("evt_1", "checkout", "PAY-7F3K9Q2M", "cs_1")),
        ("sandbox", WebhookEvent("evt_1", "checkout", "PAY-7F3K9Q2M", "co_1", claims_paid=True)),
        ("paystack", WebhookEvent("charge.success:7", "checkout", *2 * ("PAY-7F3K9Q2M",), claims_paid=True)),
    ],
)
def test_a_real_signature_verifies(name: str, expected: WebhookEvent) -> None:
    make, sign, body = SCHEMES[name]

    assert make(NEW).verify_webhook(*sign(body)) == expected


def test_during_a_rotation_both_secrets_verify(scheme: tuple[Make, Sign, bytes]) -> None:
    make, sign, body = scheme
    provider = make(NEW, OLD)

    assert provider.verify_webhook(*sign(body, NEW)) == provider.verify_webhook(*sign(body, OLD))
    refused(make(NEW), *sign(body, OLD))


def test_a_wrong_secret_does_not(scheme: tuple[Make, Sign, bytes]) -> None:
    make, sign, body = scheme
    refused(make(NEW, OLD), *sign(body, OTHER))


def test_no_bit_of_the_body_may_flip(scheme: tuple[Make, Sign, bytes]) -> None:
    make, sign, body = scheme
    provider = make(NEW)
    headers, _ = sign(body)

    for place in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[place // 8] ^= 1 << place % 8
        refused(provider, headers, bytes(flipped))


def test_no_bit_of_the_signature_may_flip(scheme: tuple[Make, Sign, bytes]) -> None:
    make, sign, body = scheme
    provider = make(NEW)
    headers, _ = sign(body)
    name = next(name for name in headers if "signature" in name)
    start = headers[name].find("v1") + 3 if "v1" in headers[name] else 0

    for place in range(start, start + 40):
        character = headers[name][place]
        other = "0" if character != "0" else "1"
        changed = headers[name][:place] + other + headers[name][place + 1 :]
        refused(provider, headers | {name: changed}, body)


@pytest.mark.parametrize("name", ["stripe", "sandbox"])
@pytest.mark.parametrize("seconds", [-302, -86400, 302, 86400])
def test_a_stale_or_early_time_does_not(name: str, seconds: int) -> None:
    make, sign, body = SCHEMES[name]
    refused(make(NEW), *sign(body, at=time.time() + seconds))


@pytest.mark.parametrize("name", ["stripe", "sandbox"])
@pytest.mark.parametrize("seconds", [-295, 295])
def test_within_five_minutes_it_does(name: str, seconds: int) -> None:
    make, sign, body = SCHEMES[name]

    assert make(NEW).verify_webhook(*sign(body, at=time.time() + seconds)).kind == "checkout"


@pytest.mark.parametrize("name", ["stripe", "sandbox"])
def test_an_old_signature_under_a_new_time_does_not(name: str) -> None:
    make, sign, body = SCHEMES[name]
    at = int(time.time()) - 1000
    headers, _ = sign(body, at=at)
    renewed = {key: value.replace(str(at), str(at + 1000)) for key, value in headers.items()}

    refused(make(NEW), renewed, body)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=,v1="},
        {"stripe-signature": "t=1"},
        {"stripe-signature": "v1=ä,t=1"},
        {"webhook-id": "e", "webhook-timestamp": "nan", "webhook-signature": "v1,x"},
        {"webhook-id": "e", "webhook-timestamp": "now", "webhook-signature": "v1"},
        {"x-paystack-signature": ""},
        {"x-paystack-signature": "ä" * 128},
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"[1]"])
def test_nonsense_is_refused_and_breaks_nothing(headers: dict[str, str], body: bytes) -> None:
    for make, _, _ in SCHEMES.values():
        refused(make(NEW), headers, body)


@pytest.mark.parametrize("body", [b"[1]", b"not json", b'{"data": 1, "type": 2, "event": null}', b'"x"'])
def test_a_signed_body_that_makes_no_sense_is_about_something_else(
    scheme: tuple[Make, Sign, bytes], body: bytes
) -> None:
    make, sign, _ = scheme

    assert make(NEW).verify_webhook(*sign(body)).kind == "other"


@pytest.mark.parametrize("reference", ["x" * 300, "a\x00b", "a\nb", 1.5, {"a": 1}, [], None, True])
def test_a_reference_that_cannot_be_kept_is_none(reference: Any) -> None:
    told = {"event": "charge.success", "data": {"id": 1, "reference": reference}}

    event = paystack(NEW).verify_webhook(*by_paystack(orjson.dumps(told)))

    assert event.reference is None


def test_paystacks_events_are_told_apart_by_name_and_subject() -> None:
    provider = paystack(NEW)

    def id_of(event: str, **data: object) -> str:
        return provider.verify_webhook(*by_paystack(orjson.dumps({"event": event, "data": data}))).event_id

    assert id_of("charge.success", id=1) == id_of("charge.success", id=1, more="x")
    told = {id_of("charge.success", id=1), id_of("charge.failed", id=1), id_of("charge.success", id=2)}
    assert len(told) == 3
    assert id_of("refund.failed", status="a") != id_of("refund.failed", status="b")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "refund.updated"}, "refund"),
        ({"type": "charge.refund.updated"}, "refund"),
        ({"type": "checkout.session.async_payment_failed"}, "checkout"),
        ({"type": "charge.dispute.created"}, "dispute"),
        ({"type": "customer.created"}, "other"),
    ],
)
def test_stripes_events_are_told_apart_by_their_type(event: dict[str, object], expected: str) -> None:
    body = orjson.dumps({"id": "evt_2", "data": {"object": {"metadata": {"refund_id": "r"}}}, **event})

    assert stripe(NEW).verify_webhook(*by_stripe(body)).kind == expected


@pytest.mark.parametrize(
    ("provider", "sign", "body", "claims_paid"),
    [
        (stripe, by_stripe, {"data": {"object": {"payment_status": "paid"}}}, True),
        (stripe, by_stripe, {"data": {"object": {"payment_status": "unpaid"}}}, False),
        (sandbox, by_sandbox, {"type": "checkout.paid"}, True),
        (sandbox, by_sandbox, {"type": "checkout.declined"}, False),
        (paystack, by_paystack, {"event": "charge.success"}, True),
        (paystack, by_paystack, {"event": "charge.failed"}, False),
    ],
)
def test_a_webhook_that_claims_a_payment_is_known_by_that(
    provider: Make, sign: Sign, body: dict[str, object], claims_paid: bool
) -> None:
    told = {"id": "evt_4", "type": "checkout.session.completed", **body}

    event = provider(NEW).verify_webhook(*sign(orjson.dumps(told)))

    assert (event.kind, event.claims_paid) == ("checkout", claims_paid)


def test_a_dispute_names_itself_and_what_is_disputed_as_far_as_the_provider_says() -> None:
    """Stripe's names a charge, which we do not know; Paystack's has the transaction in it."""
    stripes = {"id": "evt_3", "type": "charge.dispute.created", "data": {"object": {"id": "du_1"}}}
    paystacks = {"event": "charge.dispute.create", "data": {"id": 7, "transaction": {"reference": "PAY-1"}}}

    by_one = stripe(NEW).verify_webhook(*by_stripe(orjson.dumps(stripes)))
    by_other = paystack(NEW).verify_webhook(*by_paystack(orjson.dumps(paystacks)))

    assert by_one == WebhookEvent("evt_3", "dispute", None, "du_1")
    assert by_other == WebhookEvent("charge.dispute.create:7", "dispute", "PAY-1", "7")


def refused(provider: Provider, headers: Mapping[str, str], body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        provider.verify_webhook(headers, body)
