"""Additions that other services' events ask for: booked once, or refused with a reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from credit.consumers import SUBSCRIPTIONS
from shared.db.database import Contended
from shared.events.payment import PaymentSucceeded
from shared.events.refund import RefundFailed, RefundProcessing
from shared.messaging.topology import SUBSCRIBED
from shared.outbox import Outbox
from shared.testing.deliveries import envelope_of

if TYPE_CHECKING:
    from services.credit.tests.conftest import Api, Ledger
    from shared.db import Database
    from shared.events import Event


@pytest.fixture
def outbox(db: Database) -> Outbox:
    """Its events stay in the table: nothing of it runs."""
    return Outbox(db, "amqp://nobody@127.0.0.1:1/", "credit")


async def hear(outbox: Outbox, user: str, event: Event) -> None:
    """As the subscriber does, until nobody is in the way."""
    for _ in range(10):
        try:
            async with outbox.transaction() as tx:
                await SUBSCRIPTIONS[type(event)](tx, envelope_of(event, user), event)
            return
        except Contended:
            await asyncio.sleep(0)
    raise AssertionError("somebody was always in the way")


def paid(amount_minor: int = 500, currency: str = "USD") -> PaymentSucceeded:
    return PaymentSucceeded(
        payment_id=uuid4(),
        currency=currency,
        amount_minor=amount_minor,
        reference="PAY-7F3K9Q2M",
        transfer_id=uuid4(),
    )


def refund(**fields: Any) -> dict[str, Any]:
    return {
        "refund_id": uuid4(),
        "currency": "USD",
        "amount_minor": 100,
        "reference": "REF-1",
        "reason": "timeout",
        "transfer_id": uuid4(),
        **fields,
    }


def test_it_listens_to_what_the_broker_brings_it() -> None:
    assert set(SUBSCRIPTIONS) == set(SUBSCRIBED["credit"])


async def test_a_payment_is_booked_under_its_own_transfer(api: Api, outbox: Outbox, ledger: Ledger) -> None:
    user, event = await api.user_with(), paid()
    await hear(outbox, user, event)

    assert (await api.balance(user))["available"] == "5.00"
    (booked,) = await ledger.events(user)
    assert booked["type"] == "credit.added.v1"
    assert f'"{event.transfer_id}"' in booked["text"]
    assert '"source": "payment"' in booked["text"]
    assert '"reference": "PAY-7F3K9Q2M"' in booked["text"]


async def test_one_cause_told_by_five_events_at_once_moves_money_once(
    api: Api, outbox: Outbox, ledger: Ledger
) -> None:
    user, event = await api.user_with(), paid()
    await asyncio.gather(*(hear(outbox, user, event) for _ in range(5)))

    assert (await api.balance(user))["available"] == "5.00"
    assert await ledger.types(user) == ["credit.added.v1"]


async def test_a_refund_to_the_balance_is_added_and_one_to_the_card_is_not(api: Api, outbox: Outbox) -> None:
    user = await api.user_with()
    await hear(outbox, user, RefundProcessing(**refund(kind="credit")))
    await hear(outbox, user, RefundProcessing(**refund(kind="money")))

    assert (await api.balance(user))["available"] == "1.00"


async def test_only_a_refund_that_had_completed_gives_its_credits_back(api: Api, outbox: Outbox) -> None:
    user = await api.user_with()
    await hear(outbox, user, RefundFailed(**refund(kind="money")))
    await hear(outbox, user, RefundFailed(**refund(kind="money", reversed=True)))

    assert (await api.balance(user))["available"] == "1.00"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (paid(currency="EUR"), "the user has no account in this currency"),
        (paid(amount_minor=10**15), "the balance would exceed the largest that is kept"),
    ],
)
async def test_what_cannot_be_booked_is_said_with_its_reason(
    api: Api, outbox: Outbox, ledger: Ledger, event: PaymentSucceeded, reason: str
) -> None:
    user = await api.user_with("1.00")
    await hear(outbox, user, event)

    assert (await api.balance(user))["available"] == "1.00"
    rejected = (await ledger.events(user))[-1]
    assert rejected["type"] == "credit.rejected.v1"
    assert f'"reason": "{reason}"' in rejected["text"]
    assert f'"transfer_id": "{event.transfer_id}"' in rejected["text"]


async def test_a_user_without_an_account_is_told_of_to_whoever_asked(outbox: Outbox, ledger: Ledger) -> None:
    user = f"nobody-{uuid4()}"
    await hear(outbox, user, paid())

    assert await ledger.types(user) == ["credit.rejected.v1"]


async def test_a_service_can_ask_what_became_of_a_transfer(api: Api, outbox: Outbox) -> None:
    user, event = await api.user_with(), paid()
    before = await look_up(api, event.transfer_id)
    await hear(outbox, user, event)
    after = await look_up(api, event.transfer_id)
    strangers = await api.call("GET", f"/v1/transfers/{event.transfer_id}", "a-stranger")

    assert before.status_code == strangers.status_code == 404
    assert after.json()["balance_after"] == "5.00"
    assert after.json()["source"] == "payment"


async def look_up(api: Api, transfer_id: UUID) -> Any:
    return await api.call("GET", f"/v1/transfers/{transfer_id}", "payment", roles=("service",))
