"""Additions that other services' events ask for: booked once, or refused with a reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from credit.adapters.accounts import delete_keys
from credit.consumers import SUBSCRIPTIONS
from services.credit.tests.conftest import OPERATOR
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
    for _ in range(100):
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


async def test_a_payment_booked_by_hand_is_booked_once_by_whomever(api: Api, outbox: Outbox) -> None:
    """Two operators, each with a key of their own, and credit's own hearing of it afterwards."""
    user, event = await api.user_with("1.00"), paid(25_00)
    by_hand = {"source": "payment", "reason": "Top-up", "transfer_id": str(event.transfer_id)}
    path = f"/v1/accounts/{user}/credits"
    body = {"amount": "25.00", "currency": "USD", **by_hand}

    answers = [
        await api.call("POST", path, operator, body, roles=OPERATOR, key=str(event.payment_id))
        for operator in ("op-1", "op-2")
    ]
    await hear(outbox, user, event)

    assert {(one.status_code, one.json()["transfer_id"]) for one in answers} == {
        (201, str(event.transfer_id))
    }
    assert (await api.balance(user))["available"] == "26.00"


async def test_a_payment_is_not_booked_by_hand_under_any_other_id(api: Api) -> None:
    user = await api.user_with("1.00")

    refused = await api.add(user, "25.00", source="payment")

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert (await api.balance(user))["available"] == "1.00"


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


async def test_a_rejection_is_said_again_as_the_same_event_and_stands(
    api: Api, db: Database, outbox: Outbox, ledger: Ledger
) -> None:
    user, event = f"late-{uuid4()}", paid()
    await hear(outbox, user, event)
    (lost,) = await ledger.events(user)
    await forget(ledger, user)
    await api.call("POST", "/v1/accounts", user, {"currency": "USD"})  # Too late: it was said to have failed.
    async with db.transaction() as tx:
        await tx.execute("UPDATE idempotency_key SET created_at = now() - interval '40 days'")
        await delete_keys(tx, older_than_hours=24, at_most=1000)

    for _ in range(2):
        await hear(outbox, user, event)

    (again,) = await ledger.events(user)
    assert (again["id"], again["text"]) == (lost["id"], lost["text"])
    assert (await api.balance(user))["available"] == "0.00"


async def test_told_at_once_by_many_events_it_rejects_once(outbox: Outbox, ledger: Ledger) -> None:
    user, event = f"nobody-{uuid4()}", paid()
    await asyncio.gather(*(hear(outbox, user, event) for _ in range(5)))

    assert await ledger.types(user) == ["credit.rejected.v1"]


@pytest.mark.parametrize("days", [0, 40])
async def test_another_movement_under_a_booked_transfers_id_is_refused(
    api: Api, db: Database, outbox: Outbox, ledger: Ledger, days: int
) -> None:
    user, event = await api.user_with(), paid()
    await hear(outbox, user, event)
    async with db.transaction() as tx:
        await tx.execute("UPDATE idempotency_key SET created_at = now() - make_interval(days => $1)", days)
        await delete_keys(tx, older_than_hours=24, at_most=1000)

    await hear(outbox, user, event.model_copy(update={"amount_minor": 501}))

    assert (await api.balance(user))["available"] == "5.00"
    rejected = (await ledger.events(user))[-1]
    assert '"reason": "another movement was booked under this transfer\'s id"' in rejected["text"]


async def forget(ledger: Ledger, user: str) -> None:
    """What it said of this user was published, and lost."""
    await ledger.connection.execute("DELETE FROM outbox WHERE user_id = $1", user)


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
