"""A person pays, declines, leaves and plays failures with forms; another site cannot press the buttons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.testing import Receiver
    from sandbox.tests.conftest import Client

RETURN = "https://shop.example:8443/back?order=1"


async def test_a_person_pays_and_is_sent_back(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout(123456, return_url=RETURN)
    path = f"/checkout/{checkout['id']}"
    assert "1,234.56 USD" in await payments.page(path)

    answer = await payments.submit(f"{path}/pay")

    assert (answer.status_code, answer.headers["location"]) == (303, RETURN)
    [told] = await receiver.until(1)
    assert told.type == "checkout.paid"
    assert "Paid: 1,234.56 USD" in await payments.page(path)


async def test_without_a_return_url_the_page_says_how_it_ended(payments: Client) -> None:
    checkout = await payments.checkout()
    path = f"/checkout/{checkout['id']}"

    answer = await payments.submit(f"{path}/decline", reason="Insufficient funds")

    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "Declined: Insufficient funds" in await payments.page(path)


async def test_leaving_changes_nothing(payments: Client, receiver: Receiver) -> None:
    with_shop, without = await payments.checkout(return_url=RETURN), await payments.checkout()

    there = await payments.submit(f"/checkout/{with_shop['id']}/abandon")
    here = await payments.submit(f"/checkout/{without['id']}/abandon")

    assert there.headers["location"] == RETURN
    assert "left without paying" in await payments.page(here.headers["location"])
    assert (await payments.get(f"/v1/checkouts/{without['id']}"))["status"] == "open"
    assert receiver.deliveries == []


async def test_failures_are_played_from_the_form(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout(2500)

    await payments.submit(
        f"/checkout/{checkout['id']}/pay",
        **{"fault.duplicate": "3", "fault.mismatch": "amount", "fault.drop": ""},
    )

    told = await receiver.until(3)
    assert {delivery.data["paid_amount_minor"] for delivery in told} == {2501}


async def test_a_person_pays_late_and_only_once(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.checkout()
    path = f"/checkout/{checkout['id']}"
    await payments.submit(f"{path}/expire")
    await payments.submit(f"{path}/pay")
    assert "Expired" in await payments.page(path)

    for _ in range(2):
        assert (await payments.submit(f"{path}/pay", late="on")).status_code == 303

    await receiver.until(2)
    assert len(receiver.of("checkout.paid")) == 1


async def test_refunds_and_webhooks_have_buttons(payments: Client, receiver: Receiver) -> None:
    checkout = await payments.paid_checkout()
    refund = (await payments.refund(checkout, 100, faults="pending")).json()
    await payments.submit(f"/refunds/{refund['id']}/succeed")
    await payments.submit(f"/refunds/{refund['id']}/fail")
    await receiver.until(3)

    event = receiver.of("refund.failed")[0]
    await payments.submit(f"/webhooks/{event.id}/resend")

    again = await receiver.until(2, "refund.failed")
    assert [delivery.id for delivery in again] == [event.id] * 2
    assert "Returned by the bank" in await payments.page()


async def test_faults_are_set_on_the_page(payments: Client) -> None:
    rates = {
        "rate.error": "12.5",
        "value.error": "500",
        "rate.drop": "100",
        "rate.delay": "",
        "value.delay": "9",
    }
    await payments.submit("/faults", **rates)
    await payments.submit("/faults/next", path_prefix="POST /v1/refunds", faults="timeout", times="2")

    shown = await payments.get("/v1/faults")

    assert shown["rates"] == {"error=500": 0.125, "drop": 1}
    assert shown["next"] == [{"path_prefix": "POST /v1/refunds", "faults": "timeout", "times": 2}]
    text = await payments.page()
    assert 'value="12.5"' in text
    assert "POST /v1/refunds" in text
    await payments.submit("/faults/clear")
    assert (await payments.get("/v1/faults"))["rates"] == {}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/faults", {"rate.error": "often"}),
        ("/faults", {"rate.error": "101"}),
        ("/faults/next", {"path_prefix": "/v1/", "faults": "nothing"}),
        ("/faults/next", {"path_prefix": "", "faults": "drop"}),
        ("/faults/next", {"path_prefix": "/v1/", "faults": "drop", "times": "0"}),
    ],
)
async def test_a_form_that_makes_no_sense_is_answered_in_words(
    payments: Client, path: str, form: dict[str, str]
) -> None:
    answer = await payments.submit(path, **form)
    assert answer.status_code == 422
    assert "That did not work" in answer.text


async def test_the_network_is_played_with_buttons(sms: Client, receiver: Receiver) -> None:
    first, second, third = [await sms.order() for _ in range(3)]
    await sms.submit(f"/orders/{first['id']}/sms", code="482913", **{"fault.duplicate": "2"})
    await sms.submit(f"/orders/{second['id']}/timeout")
    await sms.submit(f"/orders/{second['id']}/sms", code="")
    await sms.submit(f"/orders/{third['id']}/ban")
    await sms.submit("/services/google", stock="0")

    await receiver.until(4)

    assert [d.data["sms"][0]["code"] for d in receiver.of("sms.received") if d.data["id"] == first["id"]] == [
        "482913"
    ] * 2
    states = [(await sms.get(f"/v1/orders/{order['id']}"))["status"] for order in (first, second, third)]
    assert states == ["received", "timeout", "banned"]
    text = await sms.page()
    assert "482913" in text
    assert "Send a late SMS" in text
    assert (await sms.submit(f"/orders/{first['id']}/sms", code="<b>")).status_code == 422
    assert (await sms.submit("/services/google", stock="-1")).status_code == 422


async def test_what_a_merchant_writes_is_never_markup(payments: Client) -> None:
    checkout = await payments.checkout(description="<script>alert(1)</script>", reference="<b>r</b>")
    for path in ("/", f"/checkout/{checkout['id']}"):
        text = await payments.page(path)
        assert "<script" not in text
        assert "<b>r</b>" not in text


async def test_pages_run_nothing_and_forms_go_nowhere_else(payments: Client) -> None:
    checkout = await payments.checkout(return_url=RETURN)
    for path, targets in (
        ("/", "'self'"),
        (f"/checkout/{checkout['id']}", "'self' https://shop.example:8443"),
    ):
        answer = await payments.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy == (
            f"default-src 'self'; base-uri 'none'; form-action {targets}; frame-ancestors 'none'"
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text)
    style = await payments.http.get("/static/style.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_site_cannot_press_the_buttons(payments: Client, headers: dict[str, str]) -> None:
    checkout = await payments.checkout()
    answer = await payments.http.post(f"/checkout/{checkout['id']}/pay", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert (await payments.get(f"/v1/checkouts/{checkout['id']}"))["status"] == "open"
