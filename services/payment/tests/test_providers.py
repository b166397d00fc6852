"""Each adapter against a real server that speaks its provider's API: what every one must be able to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from payment.domain.machine import RefundState, State
from payment.domain.names import transfer_of
from payment.domain.payment import Payment, ProviderRefund
from payment.domain.provider import CheckoutStatus, Declined, RefundStatus
from sandbox.settings import Settings as SandboxSettings
from sandbox.testing import SECRET, serving
from services.payment.tests.peers import (
    PaystackPeer,
    PaystackServer,
    SandboxPeer,
    StripePeer,
    StripeServer,
)
from shared.money import Money
from shared.providers.errors import ProviderAway
from shared.references import reference_of
from shared.testing.serving import served

if TYPE_CHECKING:
    from services.payment.tests.peers import Fault, Peer

KINDS = ("stripe", "paystack", "sandbox")


def a_payment(currency: str = "USD", minor: int = 2500) -> Payment:
    id_, now = uuid4(), datetime.now(UTC)
    return Payment(
        id=id_,
        number=1,
        user_id="user-1",
        money=Money(minor, currency),
        reference=reference_of("PAY", id_),
        provider="any",
        state=State.INITIATED,
        reason=None,
        provider_id=None,
        checkout_url=None,
        transfer_id=transfer_of(id_),
        fingerprint="f",
        attempts=0,
        correlation_id=None,
        deadline=now + timedelta(minutes=30),
        lapsed=False,
        created_at=now,
        updated_at=now,
    )


def a_refund(payment: Payment, minor: int = 1000) -> ProviderRefund:
    return ProviderRefund(
        id=uuid4(),
        payment_id=payment.id,
        user_id=payment.user_id,
        money=Money(minor, payment.money.currency),
        reference="REF-1",
        state=RefundState.REQUESTED,
        reason=None,
        provider_refund_id=None,
        attempts=0,
        correlation_id=None,
    )


@asynccontextmanager
async def running(kind: str) -> AsyncIterator[Peer]:
    async with AsyncExitStack() as stack:
        peer: Peer
        if kind == "stripe":
            stripe = StripeServer()
            peer = StripePeer(await stack.enter_async_context(served(stripe)), stripe, ["whsec_x"])
        elif kind == "paystack":
            paystack = PaystackServer()
            peer = PaystackPeer(await stack.enter_async_context(served(paystack)), paystack, ["sk_x"])
        else:
            settings = SandboxSettings(api_key="k")
            url = await stack.enter_async_context(serving("payments", settings))
            peer = sandbox = SandboxPeer(url, "k", [SECRET])
            stack.push_async_callback(sandbox.http.aclose)
        stack.push_async_callback(peer.provider.close)
        yield peer


@pytest.fixture(scope="module", params=KINDS)
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    async with running(request.param) as peer:
        yield peer


async def begun(peer: Peer, payment: Payment) -> Payment:
    made = await peer.provider.make_checkout(payment)
    return replace(payment, provider_id=made.provider_id)


async def test_a_checkout_is_made_with_our_reference_and_a_place_to_pay(peer: Peer) -> None:
    payment = a_payment()

    made = await peer.provider.make_checkout(payment)

    assert (made.status, made.reference, made.paid) == (CheckoutStatus.OPEN, payment.reference, None)
    assert made.checkout_url
    assert made.checkout_url.startswith("http")


async def test_a_checkout_is_found_by_its_id_and_by_our_reference(peer: Peer) -> None:
    payment = await begun(peer, a_payment())

    assert payment.provider_id is not None
    by_id = await peer.provider.look_up(payment.provider_id)
    by_reference = await peer.provider.look_up_by_reference(payment)

    assert by_id == by_reference
    assert by_id is not None
    assert by_id.status is CheckoutStatus.OPEN


async def test_what_is_not_there_is_said_to_be_absent(peer: Peer) -> None:
    assert await peer.provider.look_up("cs_none") is None
    assert await peer.provider.look_up_by_reference(a_payment()) is None


async def test_a_paid_checkout_says_what_was_paid(peer: Peer) -> None:
    payment = await begun(peer, a_payment(minor=1234))

    await peer.pay(payment)
    found = await peer.provider.look_up_by_reference(payment)

    assert found is not None
    assert (found.status, found.paid, found.reference) == (
        CheckoutStatus.PAID,
        Money(1234, "USD"),
        payment.reference,
    )


@pytest.mark.parametrize("fault", ["timeout", "timeout_before", "error", "malformed"])
async def test_silence_faults_and_nonsense_decide_nothing(peer: Peer, fault: Fault) -> None:
    payment = a_payment()
    await peer.fail_next(peer.create, fault)

    with pytest.raises(ProviderAway):
        await peer.provider.make_checkout(payment)

    found = await peer.provider.look_up_by_reference(payment)
    acted = fault in ("timeout", "malformed")
    assert (found is not None) == acted
    assert await peer.made(payment.reference) == int(acted)


async def test_a_refusal_is_definitive_and_has_a_reason(peer: Peer) -> None:
    await peer.fail_next(peer.create, "refuse")

    with pytest.raises(Declined) as declined:
        await peer.provider.make_checkout(a_payment())

    assert len(declined.value.reason) > 5


async def test_an_open_checkout_is_closed_where_that_can_be(peer: Peer) -> None:
    payment = await begun(peer, a_payment())

    assert payment.provider_id is not None
    after = await peer.provider.expire(payment.provider_id)

    assert after is not None
    assert (after.status is CheckoutStatus.EXPIRED) == peer.provider.can_expire


async def test_closing_a_paid_checkout_tells_that_it_is_paid(peer: Peer) -> None:
    payment = await begun(peer, a_payment())
    await peer.pay(payment)

    assert payment.provider_id is not None
    after = await peer.provider.expire(payment.provider_id)

    assert after is not None
    assert after.status is CheckoutStatus.PAID


async def test_a_refund_is_given_back_and_found_by_its_own_id(peer: Peer) -> None:
    payment = await begun(peer, a_payment())
    await peer.pay(payment)
    refund, other = a_refund(payment, 1000), a_refund(payment, 500)

    assert await peer.provider.look_up_refund(payment, refund) is None
    made = await peer.provider.refund(payment, refund)
    found = await peer.provider.look_up_refund(payment, refund)

    assert found is not None
    assert (made.provider_id, made.money) == (found.provider_id, Money(1000, "USD"))
    assert await peer.provider.look_up_refund(payment, other) is None


async def test_a_refund_whose_answer_was_lost_is_found(peer: Peer) -> None:
    payment = await begun(peer, a_payment())
    await peer.pay(payment)
    refund = a_refund(payment)
    await peer.fail_next(peer.refund_path, "timeout")

    with pytest.raises(ProviderAway):
        await peer.provider.refund(payment, refund)

    found = await peer.provider.look_up_refund(payment, refund)
    assert found is not None
    assert found.money == refund.money


async def test_a_refused_refund_is_definitive(peer: Peer) -> None:
    payment = await begun(peer, a_payment())
    await peer.pay(payment)
    await peer.fail_next(peer.refund_path, "refuse")

    with pytest.raises(Declined):
        await peer.provider.refund(payment, a_refund(payment))


async def test_a_refund_that_fails_in_the_end_says_so(peer: Peer) -> None:
    payment = await begun(peer, a_payment())
    await peer.pay(payment)
    refund = a_refund(payment)
    await peer.provider.refund(payment, refund)

    await peer.end_refund(refund, "failed")
    found = await peer.provider.look_up_refund(payment, refund)

    assert found is not None
    assert found.status is RefundStatus.FAILED


@pytest.mark.parametrize("kind", ["stripe", "sandbox"])
async def test_the_key_makes_a_second_call_harmless(kind: str) -> None:
    """Paystack knows no keys; what it answers is tested beside its other ways."""
    payment = a_payment()
    async with running(kind) as peer:
        first = await peer.provider.make_checkout(payment)
        second = await peer.provider.make_checkout(payment)

        assert first.provider_id == second.provider_id
        assert await peer.made(payment.reference) == 1
