"""Webhooks are sent until they are taken, keep their id, and go wrong as asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox.testing import Receiver
    from sandbox.tests.conftest import Client, Start


async def settled(client: Client, object_id: str, status: str) -> Any:
    """The object's newest webhook, once it has come to this status."""
    async with asyncio.timeout(10):
        while True:
            [event, *_] = (await client.get("/v1/webhooks", object_id=object_id))["items"]
            if event["status"] == status:
                return event


async def test_a_webhook_is_sent_again_under_its_id_until_it_is_taken(
    payments: Client, receiver: Receiver
) -> None:
    receiver.refusals = 2

    checkout = await payments.paid_checkout()

    [told] = await receiver.until(1)
    assert told.id.startswith("evt_")
    assert {refused.id for refused in receiver.refused} == {told.id}
    event = await settled(payments, checkout["id"], "delivered")
    assert [attempt["outcome"] for attempt in event["attempts"]] == ["503", "503", "204"]


async def test_a_webhook_nobody_takes_is_given_up_and_can_be_sent_again(
    start: Start, receiver: Receiver
) -> None:
    receiver.refusals = 2
    async with start("payments", webhook_retry_seconds=(0.01,)) as payments:
        checkout = await payments.paid_checkout()
        event = await settled(payments, checkout["id"], "given_up")
        assert receiver.deliveries == []

        answer = await payments.post(f"/v1/webhooks/{event['id']}/resend")

        assert answer.status_code == 202
        [told] = await receiver.until(1)
        assert told.id == event["id"]


async def test_a_dropped_webhook_is_sent_when_asked_for(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout(faults="drop")
    await payments.post(f"/v1/checkouts/{checkout['id']}/pay")
    event = await settled(payments, checkout["id"], "dropped")
    assert event["attempts"] == []

    await payments.post(f"/v1/webhooks/{event['id']}/resend")

    [told] = await receiver.until(1)
    assert (told.id, told.data["id"]) == (event["id"], checkout["id"])
    assert (await settled(payments, checkout["id"], "delivered"))["id"] == event["id"]


async def test_a_duplicate_arrives_as_often_as_asked_under_one_id(
    payments: Client, receiver: Receiver
) -> None:
    checkout = await payments.checkout(faults="duplicate=5")
    await payments.post(f"/v1/checkouts/{checkout['id']}/pay")

    told = await receiver.until(5)

    assert len({delivery.id for delivery in told}) == 1
    assert len((await settled(payments, checkout["id"], "delivered"))["attempts"]) == 5


@pytest.fixture
async def patient(start: Start, receiver: Receiver) -> AsyncIterator[Client]:
    """One that holds a webhook until it is overtaken, however long that takes."""
    del receiver  # It begins anew first.
    async with start("payments", webhook_hold_seconds=60) as client:
        yield client


@pytest.mark.parametrize("faults", ["", "reorder"])
async def test_a_held_webhook_is_overtaken_by_the_next_held_or_not(
    patient: Client, receiver: Receiver, faults: str
) -> None:
    first, second = await patient.checkout(faults="reorder"), await patient.checkout(faults=faults)
    for checkout in (first, second):
        await patient.post(f"/v1/checkouts/{checkout['id']}/pay")

    told = await receiver.until(2)

    assert [delivery.data["id"] for delivery in told] == [second["id"], first["id"]]


async def test_a_held_webhook_goes_alone_when_no_other_comes(start: Start, receiver: Receiver) -> None:
    async with start("payments", webhook_hold_seconds=0.05) as payments:
        checkout = await payments.checkout(faults="reorder")
        await payments.post(f"/v1/checkouts/{checkout['id']}/pay")
        [told] = await receiver.until(1)
        assert told.data["id"] == checkout["id"]


async def test_a_webhook_leaves_as_much_later_as_asked(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout()
    await payments.post(f"/v1/checkouts/{checkout['id']}/pay", {"faults": "webhook_delay=150"})
    await receiver.until(1)

    event = await settled(payments, checkout["id"], "delivered")

    left = datetime.fromisoformat(event["attempts"][0]["at"])
    assert left - datetime.fromisoformat(event["created_at"]) >= timedelta(milliseconds=149)


async def test_faults_of_an_order_hit_its_webhooks(sms: Client, receiver: Receiver) -> None:
    order = await sms.order(faults="duplicate=3")
    await sms.post(f"/v1/orders/{order['id']}/sms", {"code": "12345"})
    told = await receiver.until(3)
    assert [delivery.type for delivery in told] == ["sms.received"] * 3


async def test_without_an_address_events_are_only_listed(start: Start) -> None:
    async with start("payments", webhook_url="", webhook_secret="") as payments:
        checkout = await payments.paid_checkout()
        event = await settled(payments, checkout["id"], "no_address")
        resent = await payments.post(f"/v1/webhooks/{event['id']}/resend")
        assert resent.json()["status"] == "no_address"
