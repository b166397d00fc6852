"""An order gets its SMS in time or ends without one; an SMS that is late is told and changes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.testing import Receiver
    from sandbox.tests.conftest import Client, Start

BODY = {"service": "whatsapp", "country": "us", "reference": "verification-1"}


async def test_services_are_listed_with_price_and_stock(sms: Client) -> None:
    items = (await sms.get("/v1/services"))["items"]
    assert {"whatsapp", "telegram", "google", "signal", "discord"} <= {item["service"] for item in items}
    whatsapp = next(item for item in items if item["service"] == "whatsapp")
    assert whatsapp == {
        "service": "whatsapp",
        "name": "WhatsApp",
        "cost_minor": 60,
        "currency": "USD",
        "stock": 1000,
    }


async def test_an_order_has_a_number_and_waits(sms: Client) -> None:
    first = await sms.post("/v1/orders", BODY, key="k")
    again = await sms.post("/v1/orders", BODY, key="k")

    assert (first.status_code, again.status_code) == (201, 200)
    order = first.json()
    assert order == again.json()
    assert re.fullmatch(r"\+1555\d{7}", order["phone_number"])
    assert (order["status"], order["sms"], order["cost_minor"]) == ("pending", [], 60)
    assert await sms.get(f"/v1/orders/{order['id']}") == order
    assert await sms.get("/v1/orders", reference="verification-1") == {"items": [order]}


@pytest.mark.parametrize(
    ("body", "key", "status", "code"),
    [
        ({**BODY, "country": "de"}, "k", 422, "idempotency_key_reused"),
        (BODY, "another", 409, "reference_taken"),
        ({**BODY, "reference": "r", "service": "icq"}, "new", 422, "unknown_service"),
        ({**BODY, "reference": "r", "service": "line"}, "new", 422, "no_numbers"),
        (BODY, None, 400, "idempotency_key_required"),
    ],
)
async def test_what_cannot_be_ordered_is_refused_with_a_code(
    sms: Client, body: dict[str, object], key: str | None, status: int, code: str
) -> None:
    await sms.post("/v1/orders", BODY, key="k")
    answer = await sms.post("/v1/orders", body, key=key)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_stock_falls_with_orders_and_rises_when_they_are_given_up(sms: Client) -> None:
    await sms.http.put("/v1/services/signal", json={"stock": 1})
    order = await sms.order("signal")
    refused = await sms.post("/v1/orders", {**BODY, "service": "signal"}, key="k")
    assert refused.json()["code"] == "no_numbers"

    await sms.post(f"/v1/orders/{order['id']}/cancel")

    assert (await sms.order("signal"))["status"] == "pending"


async def test_an_sms_arrives_and_the_order_is_finished(sms: Client, receiver: Receiver) -> None:
    order = await sms.order()
    path = f"/v1/orders/{order['id']}"

    received = (await sms.post(f"{path}/sms")).json()

    assert received["status"] == "received"
    [message] = received["sms"]
    assert re.fullmatch(r"\d{5,6}", message["code"])
    assert message["code"] in message["text"]
    [told] = await receiver.until(1)
    assert (told.type, told.data) == ("sms.received", received)
    refused = await sms.post(f"{path}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "sms_received")
    for _ in range(2):
        assert (await sms.post(f"{path}/finish")).json()["status"] == "finished"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": "ABC-123"}, "ABC-123"),
        ({"text": "G-482913 is your code"}, "482913"),
        ({"text": "Use this", "code": "1"}, "1"),
        ({"text": "Hello"}, None),
    ],
)
async def test_the_operator_says_what_the_sms_is(
    sms: Client, body: dict[str, object], code: str | None
) -> None:
    order = await sms.order()
    [message] = (await sms.post(f"/v1/orders/{order['id']}/sms", body)).json()["sms"]
    assert message["code"] == code


@pytest.mark.parametrize(
    ("ending", "status", "told"),
    [("cancel", "cancelled", "order.cancelled"), ("timeout", "timeout", "order.timeout")],
)
async def test_a_late_sms_is_told_and_changes_nothing(
    sms: Client, receiver: Receiver, ending: str, status: str, told: str
) -> None:
    order = await sms.order()
    path = f"/v1/orders/{order['id']}"
    for _ in range(2):
        ended = await sms.post(f"{path}/{ending}")
        assert (ended.status_code, ended.json()["status"]) == (200, status)
    await receiver.until(1, told)

    late = (await sms.post(f"{path}/sms", {"code": "12345"})).json()

    assert (late["status"], len(late["sms"])) == (status, 1)
    [message] = await receiver.until(1, "sms.received")
    assert message.data == late
    cancelled = await sms.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, status)
    assert len(receiver.of(told)) == 1
    assert (await sms.post(f"{path}/finish")).json()["code"] == "state_conflict"


async def test_a_banned_number_is_found_by_looking(sms: Client) -> None:
    order = await sms.order()
    assert (await sms.post(f"/v1/orders/{order['id']}/ban")).json()["status"] == "banned"
    assert (await sms.post(f"/v1/orders/{order['id']}/timeout")).json()["code"] == "state_conflict"


async def test_a_young_order_cannot_be_cancelled(start: Start) -> None:
    async with start("sms", min_cancel_seconds=60) as sms:
        order = await sms.order()
        answer = await sms.post(f"/v1/orders/{order['id']}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "early_cancel_denied")
        assert 0 < answer.json()["retry_after_seconds"] <= 60
        assert (await sms.get(f"/v1/orders/{order['id']}"))["status"] == "pending"


async def test_the_sms_arrives_by_itself(start: Start, receiver: Receiver) -> None:
    async with start("sms", auto_sms_seconds=0.01) as sms:
        order = await sms.order()
        [told] = await receiver.until(1, "sms.received")
        assert (told.data["id"], told.data["status"]) == (order["id"], "received")


async def test_an_order_times_out_by_itself(start: Start, receiver: Receiver) -> None:
    async with start("sms", order_seconds=0.05) as sms:
        order = await sms.order()
        [told] = await receiver.until(1, "order.timeout")
        assert (told.data["id"], told.data["status"]) == (order["id"], "timeout")
