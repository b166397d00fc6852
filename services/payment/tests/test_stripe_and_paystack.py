"""What is special about Stripe and Paystack: units, keys, slow methods, and references that are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
import pytest

from payment.adapters.providers.stripe import CLOCKS_SECONDS, SHORTEST_SECONDS
from payment.adapters.providers.units import ours, theirs
from payment.domain.provider import CheckoutStatus, Declined
from services.payment.tests.peers import CALL_SECONDS, RETURN_URL, PaystackPeer, StripePeer, StripeServer
from services.payment.tests.test_providers import a_payment, a_refund, running
from shared.money import Money
from shared.providers.errors import ProviderAway
from shared.testing.serving import served

if TYPE_CHECKING:
    from payment.domain.payment import Payment
    from services.payment.tests.peers import Answer


@pytest.fixture(scope="module")
async def stripe() -> AsyncIterator[StripePeer]:
    async with running("stripe") as peer:
        assert isinstance(peer, StripePeer)
        yield peer


@pytest.fixture(scope="module")
async def paystack() -> AsyncIterator[PaystackPeer]:
    async with running("paystack") as peer:
        assert isinstance(peer, PaystackPeer)
        yield peer


def last(peer: StripePeer | PaystackPeer, call: str) -> dict[str, Any]:
    return next(seen for seen in reversed(peer.server.seen) if seen["call"] == call)


async def test_stripe_is_told_everything_by_its_names(stripe: StripePeer) -> None:
    payment = a_payment("EUR", 1999)

    await stripe.provider.make_checkout(payment)

    sent = last(stripe, stripe.create)
    form = dict(parse_qsl(sent["body"].decode()))
    assert sent["headers"]["idempotency-key"] == str(payment.id)
    assert sent["headers"]["authorization"] == "Bearer sk_test"
    assert form["client_reference_id"] == payment.reference
    assert form["line_items[0][price_data][currency]"] == "eur"
    assert form["line_items[0][price_data][unit_amount]"] == "1999"
    assert form["payment_intent_data[metadata][payment_id]"] == str(payment.id)
    assert (form["mode"], form["success_url"]) == ("payment", RETURN_URL)


async def test_a_session_ends_by_the_payments_own_clock_so_that_a_repetition_says_the_same(
    stripe: StripePeer,
) -> None:
    payment = a_payment()
    begun_before = replace(payment, created_at=payment.created_at - timedelta(seconds=30))

    await stripe.provider.make_checkout(begun_before)

    ends = int(dict(parse_qsl(last(stripe, stripe.create)["body"].decode()))["expires_at"])
    assert ends == int(begun_before.created_at.timestamp() + SHORTEST_SECONDS)


async def test_stripe_is_asked_for_sessions_of_that_time_only(stripe: StripePeer) -> None:
    payment = a_payment()

    await stripe.provider.look_up_by_reference(payment)

    query = last(stripe, "GET /v1/checkout/sessions")["query"]
    made = payment.created_at.timestamp()
    assert int(query["created[gte]"]) < made < int(query["created[lte]"])
    assert int(query["created[lte]"]) <= made + CALL_SECONDS + CLOCKS_SECONDS + 1


async def test_a_look_through_endless_pages_ends_and_decides_nothing() -> None:
    """Of sessions, where many pay at once, and of refunds."""
    server = Endless()
    async with served(server) as url:
        peer = StripePeer(url, server, ["whsec_x"])
        payment = await begun(peer, a_payment())

        with pytest.raises(ProviderAway):
            await peer.provider.look_up_by_reference(payment)
        with pytest.raises(ProviderAway):
            await peer.provider.look_up_refund(payment, a_refund(payment))
        await peer.provider.close()

    assert server.pages["/v1/checkout/sessions"] > 1
    assert server.pages["/v1/refunds"] > 1


class Endless(StripeServer):
    """Each page has another after it, and what is looked for is on none."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: Counter[str] = Counter()

    def act(self, call: str, query: dict[str, str], body: bytes) -> Answer:
        if call not in ("GET /v1/checkout/sessions", "GET /v1/refunds"):
            return super().act(call, query, body)
        path = call.partition(" ")[2]
        self.pages[path] += 1
        other = {"id": f"other_{self.pages.total()}", "object": "checkout.session", "metadata": {}}
        others = [other | {"client_reference_id": "PAY-OTHER"}]
        return 200, {"object": "list", "data": others, "has_more": True, "url": path}


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        ("processing", CheckoutStatus.PROCESSING),
        ("requires_payment_method", CheckoutStatus.DECLINED),
        ("canceled", CheckoutStatus.DECLINED),
    ],
)
async def test_a_slow_method_of_payment_is_neither_paid_nor_failed_too_soon(
    stripe: StripePeer, intent: str, expected: CheckoutStatus
) -> None:
    made = await stripe.provider.make_checkout(a_payment())
    stripe.server.sessions[made.provider_id] |= {
        "status": "complete",
        "payment_intent": {
            "id": "pi_1",
            "object": "payment_intent",
            "status": intent,
            "last_payment_error": {"message": "The bank said no."} if intent != "processing" else None,
        },
    }

    found = await stripe.provider.look_up(made.provider_id)

    assert found is not None
    assert (found.status, found.paid) == (expected, None)


async def test_stripes_refund_carries_its_own_id_as_key_and_note(stripe: StripePeer) -> None:
    payment = await begun(stripe, a_payment())
    refund = a_refund(payment)

    await stripe.provider.refund(payment, refund)

    sent = last(stripe, "POST /v1/refunds")
    form = dict(parse_qsl(sent["body"].decode()))
    assert sent["headers"]["idempotency-key"] == f"refund-{refund.id}"
    assert (form["metadata[refund_id]"], form["amount"]) == (str(refund.id), "1000")


async def begun(peer: StripePeer | PaystackPeer, payment: Payment) -> Payment:
    made = await peer.provider.make_checkout(payment)
    paid = replace(payment, provider_id=made.provider_id)
    await peer.pay(paid)
    return paid


@pytest.mark.parametrize("lacks", ["payment_intent", "id"])
async def test_a_session_that_lacks_its_payment_decides_nothing_on_refunds(
    stripe: StripePeer, lacks: str
) -> None:
    payment = await begun(stripe, a_payment())
    session = stripe.server.sessions[str(payment.provider_id)]
    del (session if lacks == "payment_intent" else session["payment_intent"])[lacks]

    with pytest.raises(ProviderAway):
        await stripe.provider.look_up_refund(payment, a_refund(payment))


async def test_a_wrong_api_key_or_too_many_calls_decide_nothing(stripe: StripePeer) -> None:
    for status in (401, 403, 429, 409):
        answer = (status, {"error": {"type": "invalid_request_error", "message": "no"}})
        stripe.server.refusal = lambda answer=answer: answer  # type: ignore[method-assign, misc]
        await stripe.fail_next(stripe.create, "refuse")
        with pytest.raises(ProviderAway):
            await stripe.provider.make_checkout(a_payment())


async def test_what_stripe_cannot_find_decides_only_where_it_was_asked_for_by_its_id() -> None:
    server = Lost()
    async with served(server) as url:
        peer = StripePeer(url, server, ["whsec_x"])
        payment = await begun(peer, a_payment())
        refund, unknown = a_refund(payment), replace(payment, provider_id="cs_unknown")

        for call, undecided in (
            ("POST /v1/checkout/sessions", lambda: peer.provider.make_checkout(a_payment())),
            ("GET /v1/checkout/sessions", lambda: peer.provider.look_up_by_reference(payment)),
            ("GET /v1/refunds", lambda: peer.provider.look_up_refund(payment, refund)),
        ):
            await peer.fail_next(call, "refuse")
            with pytest.raises(ProviderAway):
                await undecided()
        await peer.fail_next("POST /v1/refunds", "refuse")
        with pytest.raises(Declined):
            await peer.provider.refund(payment, refund)
        await peer.fail_next("POST /v1/checkout/sessions/cs_unknown/expire", "refuse")
        assert await peer.provider.expire("cs_unknown") is None
        assert await peer.provider.look_up_refund(unknown, refund) is None
        await peer.provider.close()


class Lost(StripeServer):
    """What it refuses, it says that it cannot find."""

    def refusal(self) -> Answer:
        missing = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"}
        return 404, {"error": missing}


async def test_paystack_is_told_everything_by_its_names(paystack: PaystackPeer) -> None:
    payment = a_payment("NGN", 500000)

    await paystack.provider.make_checkout(payment)

    sent = last(paystack, paystack.create)
    body = orjson.loads(sent["body"])
    assert sent["headers"]["authorization"] == "Bearer sk_x"
    assert (body["reference"], body["amount"], body["currency"]) == (payment.reference, 500000, "NGN")
    assert body["callback_url"] == RETURN_URL
    assert "user-1" not in body["email"], "nothing of the user leaves"
    assert body["email"].endswith("@shop.test")


async def test_a_taken_reference_is_no_refusal_but_an_earlier_call(paystack: PaystackPeer) -> None:
    payment = a_payment()
    await paystack.provider.make_checkout(payment)

    with pytest.raises(ProviderAway):
        await paystack.provider.make_checkout(payment)

    assert await paystack.provider.look_up_by_reference(payment) is not None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("success", CheckoutStatus.PAID),
        ("failed", CheckoutStatus.DECLINED),
        ("reversed", CheckoutStatus.DECLINED),
        ("abandoned", CheckoutStatus.OPEN),
        ("ongoing", CheckoutStatus.OPEN),
        ("pending", CheckoutStatus.PROCESSING),
        ("processing", CheckoutStatus.PROCESSING),
        ("queued", CheckoutStatus.PROCESSING),
    ],
)
async def test_paystacks_words_for_it(paystack: PaystackPeer, status: str, expected: CheckoutStatus) -> None:
    payment = a_payment()
    made = await paystack.provider.make_checkout(payment)
    paystack.server.transactions[payment.reference]["status"] = status

    found = await paystack.provider.look_up(made.provider_id)

    assert found is not None
    assert found.status is expected


async def test_a_word_that_is_new_decides_nothing(paystack: PaystackPeer) -> None:
    payment = a_payment()
    made = await paystack.provider.make_checkout(payment)
    paystack.server.transactions[payment.reference]["status"] = "teleported"

    with pytest.raises(ProviderAway):
        await paystack.provider.look_up(made.provider_id)


async def test_a_transaction_without_an_id_decides_nothing_on_its_refunds(paystack: PaystackPeer) -> None:
    payment = await begun(paystack, a_payment())
    del paystack.server.transactions[payment.reference]["id"]

    with pytest.raises(ProviderAway):
        await paystack.provider.look_up_refund(payment, a_refund(payment))


@pytest.mark.parametrize(
    ("money", "digits", "units"),
    [
        (Money(2500, "USD"), 2, 2500),
        (Money(2500, "JPY"), 0, 2500),
        (Money(25, "JPY"), 2, 2500),  # Paystack counts hundredths of everything.
        (Money(2500, "KWD"), 3, 2500),
        (Money(2500, "KWD"), 2, 250),
        (Money(3, "ALL"), 2, 300),  # CLDR, and so we, count whole leks.
    ],
)
def test_units_are_translated_there_and_back(money: Money, digits: int, units: int) -> None:
    assert theirs(money, digits) == units
    assert ours(units, money.currency, digits) == money


def test_an_amount_finer_than_the_other_sides_units_is_refused() -> None:
    with pytest.raises(Declined):
        theirs(Money(2501, "KWD"), 2)
    with pytest.raises(ValueError, match="finer"):
        ours(2501, "JPY", 2)
