"""Refunds never exceed what was paid, and may fail even after they have succeeded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.testing import Receiver
    from sandbox.tests.conftest import Client


async def test_a_refund_succeeds_and_is_told(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.paid_checkout(2500)

    answer = await payments.refund(checkout, 1000)

    assert answer.status_code == 201
    refund = answer.json()
    assert refund["id"].startswith("re_")
    assert (refund["status"], refund["amount_minor"], refund["currency"]) == ("succeeded", 1000, "USD")
    [told] = await receiver.until(1, "refund.succeeded")
    assert told.data == refund
    assert await payments.get(f"/v1/refunds/{refund['id']}") == refund
    assert await payments.get("/v1/refunds", reference=refund["reference"]) == {"items": [refund]}


async def test_refunds_at_the_same_time_never_exceed_the_payment(payments: Client) -> None:
    checkout = await payments.paid_checkout(2500)

    answers = await asyncio.gather(*(payments.refund(checkout, 1000) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [422] * 8
    refused = next(answer.json() for answer in answers if answer.status_code == 422)
    assert (refused["code"], refused["refundable_minor"]) == ("refund_exceeds_payment", 500)


async def test_a_refund_that_failed_gives_its_part_back(payments: Client) -> None:
    checkout = await payments.paid_checkout(2500)
    refund = (await payments.refund(checkout, 2500)).json()

    await payments.post(f"/v1/refunds/{refund['id']}/fail")

    assert (await payments.refund(checkout, 2500)).status_code == 201


async def test_what_was_not_paid_is_not_refunded(payments: Client) -> None:
    answer = await payments.refund(await payments.checkout(), 1)
    assert (answer.status_code, answer.json()["code"]) == (422, "checkout_not_paid")


async def test_the_same_key_gets_the_same_refund(payments: Client) -> None:
    checkout = await payments.paid_checkout(2500)
    body = {"checkout_id": checkout["id"], "amount_minor": 2000, "reference": "refund-1"}

    first = await payments.post("/v1/refunds", body, key="k")
    again = await payments.post("/v1/refunds", body, key="k")
    other = await payments.post("/v1/refunds", {**body, "amount_minor": 1}, key="k")

    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refund_that_succeeded_can_fail_later(payments: Client, receiver: Receiver) -> None:
    refund = (await payments.refund(await payments.paid_checkout(), 100)).json()

    failed = await payments.post(f"/v1/refunds/{refund['id']}/fail", {"reason": "Account closed"})
    again = await payments.post(f"/v1/refunds/{refund['id']}/fail")

    assert (failed.json()["status"], failed.json()["failure_reason"]) == ("failed", "Account closed")
    assert again.json()["code"] == "state_conflict"
    [told] = await receiver.until(1, "refund.failed")
    assert told.data == failed.json()


async def test_a_pending_refund_ends_when_the_operator_says_how(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.paid_checkout(2500)
    good = (await payments.refund(checkout, 100, faults="pending")).json()
    bad = (await payments.refund(checkout, 100, faults="pending")).json()
    assert (good["status"], bad["status"]) == ("pending", "pending")

    assert (await payments.post(f"/v1/refunds/{good['id']}/succeed")).json()["status"] == "succeeded"
    assert (await payments.post(f"/v1/refunds/{bad['id']}/fail")).json()["status"] == "failed"
    assert (await payments.post(f"/v1/refunds/{bad['id']}/succeed")).json()["code"] == "state_conflict"

    assert {t.data["id"] for t in await receiver.until(1, "refund.succeeded")} == {good["id"]}
    assert {t.data["id"] for t in await receiver.until(1, "refund.failed")} == {bad["id"]}


async def test_a_refusal_is_final_for_its_key(payments: Client) -> None:
    checkout = await payments.paid_checkout()
    body = {"checkout_id": checkout["id"], "amount_minor": 100, "reference": "refund-1"}

    for faults in ("refuse", ""):
        answer = await payments.post("/v1/refunds", body, key="k", faults=faults)
        assert (answer.status_code, answer.json()["code"]) == (422, "refund_refused")

    assert (await payments.post("/v1/refunds", body, key="another")).status_code == 201
