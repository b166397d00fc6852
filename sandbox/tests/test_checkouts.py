"""A checkout is made once, ends once, and is told to the merchant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.testing import Receiver
    from sandbox.tests.conftest import Client, Start

BODY = {"reference": "top-up-1", "amount_minor": 2500, "currency": "USD"}


async def test_a_checkout_is_open_and_has_a_page(payments: Client) -> None:
    answer = await payments.post("/v1/checkouts", {**BODY, "description": "Credits"}, key="k")

    assert answer.status_code == 201
    checkout = answer.json()
    assert checkout["id"].startswith("co_")
    assert {name: checkout[name] for name in BODY} == BODY
    assert checkout["status"] == "open"
    assert checkout["checkout_url"] == f"{payments.url}/checkout/{checkout['id']}"
    assert checkout["created_at"] < checkout["expires_at"]
    assert await payments.get(f"/v1/checkouts/{checkout['id']}") == checkout
    assert await payments.get("/v1/checkouts", reference="top-up-1") == {"items": [checkout]}
    assert await payments.get("/v1/checkouts", reference="another") == {"items": []}


async def test_the_same_key_gets_the_same_checkout(payments: Client) -> None:
    first = await payments.post("/v1/checkouts", BODY, key="k")
    again = await payments.post("/v1/checkouts", BODY, key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


@pytest.mark.parametrize(
    ("body", "key", "status", "code"),
    [
        ({**BODY, "amount_minor": 2501}, "k", 422, "idempotency_key_reused"),
        (BODY, "another", 409, "reference_taken"),
        (BODY, None, 400, "idempotency_key_required"),
        ({**BODY, "amount_minor": 0}, "new", 422, "invalid_request"),
        ({**BODY, "amount_minor": 2.5}, "new", 422, "invalid_request"),
        ({**BODY, "currency": "usd"}, "new", 422, "invalid_request"),
        ({**BODY, "tip": 1}, "new", 422, "invalid_request"),
        ({**BODY, "return_url": "javascript:alert(1)"}, "new", 422, "invalid_request"),
        ({**BODY, "return_url": "//elsewhere.example"}, "new", 422, "invalid_request"),
        ({**BODY, "return_url": "http://a.example;script-src"}, "new", 422, "invalid_request"),
        ({**BODY, "return_url": "https://shop@elsewhere.example/"}, "new", 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_made_is_refused_with_a_code(
    payments: Client, body: dict[str, object], key: str | None, status: int, code: str
) -> None:
    await payments.post("/v1/checkouts", BODY, key="k")

    answer = await payments.post("/v1/checkouts", body, key=key)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_paying_is_told_with_the_amount_that_was_paid(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout(2500)

    paid = (await payments.post(f"/v1/checkouts/{checkout['id']}/pay")).json()

    assert (paid["status"], paid["paid_amount_minor"], paid["paid_currency"]) == ("paid", 2500, "USD")
    [told] = await receiver.until(1)
    assert (told.type, told.data) == ("checkout.paid", paid)


async def test_a_decline_is_told_with_its_reason(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout()

    await payments.post(f"/v1/checkouts/{checkout['id']}/decline", {"reason": "Insufficient funds"})

    [told] = await receiver.until(1)
    assert told.type == "checkout.declined"
    assert (told.data["status"], told.data["decline_reason"]) == ("declined", "Insufficient funds")


async def test_the_merchant_gives_up_what_is_open_but_not_what_is_paid(
    payments: Client, receiver: Receiver
) -> None:
    given_up, paid = await payments.checkout(), await payments.paid_checkout()
    await receiver.until(1)

    for _ in range(2):
        answer = await payments.post(f"/v1/checkouts/{given_up['id']}/expire")
        assert (answer.status_code, answer.json()["status"]) == (200, "expired")
    refused = await payments.post(f"/v1/checkouts/{paid['id']}/expire")

    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
    assert [told.type for told in await receiver.until(2)] == ["checkout.paid", "checkout.expired"]


async def test_what_has_ended_is_paid_only_late(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout()
    path = f"/v1/checkouts/{checkout['id']}"
    await payments.post(f"{path}/expire")

    assert (await payments.post(f"{path}/pay")).json()["code"] == "state_conflict"
    assert (await payments.post(f"{path}/decline")).json()["code"] == "state_conflict"
    assert (await payments.post(f"{path}/pay", {"late": True})).json()["status"] == "paid"
    assert (await payments.post(f"{path}/pay", {"late": True})).json()["code"] == "state_conflict"

    assert {told.type for told in await receiver.until(2)} == {"checkout.expired", "checkout.paid"}


async def test_a_checkout_expires_by_itself(start: Start, receiver: Receiver) -> None:
    async with start("payments", checkout_seconds=0.05) as payments:
        checkout = await payments.checkout()
        [told] = await receiver.until(1)
        assert (told.type, told.data["id"]) == ("checkout.expired", checkout["id"])


async def test_without_the_key_nothing_is_answered(payments: Client) -> None:
    for authorization in (b"", b"Bearer wrong", "Bearer ключ".encode()):
        answer = await payments.http.get("/v1/checkouts", headers={b"authorization": authorization})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_what_does_not_exist_is_a_problem_too(payments: Client) -> None:
    for path in ("/v1/checkouts/co_none", "/v1/refunds/re_none", "/v1/webhooks/evt_none", "/v1/nothing"):
        answer = await payments.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
