"""The user's side of a payment over HTTP: begun once, seen by its owner only, given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from shared.events.payment import FailureCause
from shared.testing.waiting import until

if TYPE_CHECKING:
    from payment.adapters.providers.fake import Fault
    from services.payment.tests.desk import Api, Desk


def a_user() -> str:
    return f"user-{uuid4()}"


async def test_a_payment_is_begun_and_says_where_to_pay(api: Api, desk: Desk) -> None:
    user = a_user()

    answer = await api.pay(user, "12.50")

    view = answer.json()
    assert (answer.status_code, view["state"], view["amount"]) == (201, "pending", "12.50")
    assert view["checkout_url"] == f"https://pay.test/{view['reference']}"
    assert view["reference"].startswith("PAY-")
    assert await desk.published(user) == ["payment.initiated"]


@pytest.mark.parametrize(
    ("fault", "state", "published"),
    [
        ("declined", "failed", ["payment.initiated", "payment.failed"]),
        ("before", "unknown", ["payment.initiated"]),
        ("after", "unknown", ["payment.initiated"]),
    ],
)
async def test_what_the_provider_answers_is_the_state_but_silence_is_never_a_failure(
    api: Api, desk: Desk, fault: Fault, state: str, published: list[str]
) -> None:
    user = a_user()
    api.provider.fail_next("make_checkout", fault)

    answer = await api.pay(user)

    view = answer.json()
    assert (answer.status_code, view["state"], view["checkout_url"]) == (201, state, None)
    assert (view["reason"] is not None) == (state == "failed")
    assert await desk.published(user) == published


async def test_the_same_key_is_the_same_payment_and_the_provider_is_asked_once(api: Api, desk: Desk) -> None:
    user, key = a_user(), str(uuid4())

    answers = await asyncio.gather(*(api.pay(user, "5.00", key) for _ in range(5)))
    later = await api.pay(user, "5.00", key)

    assert {answer.status_code for answer in [*answers, later]} == {201}
    assert len({answer.json()["payment_id"] for answer in [*answers, later]}) == 1
    assert later.json()["state"] == "pending"
    assert api.provider.calls["make_checkout"] == 1
    assert await desk.published(user) == ["payment.initiated"]


async def test_a_key_with_another_body_is_refused(api: Api) -> None:
    user, key = a_user(), str(uuid4())
    await api.pay(user, "5.00", key)

    other = await api.pay(user, "6.00", key)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_without_a_key_nothing_is_begun(api: Api) -> None:
    answer = await api.call("POST", "/v1/payments", a_user(), {"amount": "5.00", "currency": "USD"})

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_two_users_with_one_key_have_a_payment_each(api: Api) -> None:
    key = str(uuid4())

    one, other = await api.pay(a_user(), key=key), await api.pay(a_user(), key=key)

    assert one.json()["payment_id"] != other.json()["payment_id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"amount": "0.99", "currency": "USD"}, "amount_out_of_range"),
        ({"amount": "10000.01", "currency": "USD"}, "amount_out_of_range"),
        ({"amount": "0", "currency": "USD"}, "invalid_amount"),
        ({"amount": "5.001", "currency": "USD"}, "invalid_amount"),
        ({"amount": "-5", "currency": "USD"}, "invalid_amount"),
        ({"amount": "5.00", "currency": "ZZZ"}, "unknown_currency"),
        ({"amount": "5.00", "currency": "USD", "provider": "paypal"}, "unknown_provider"),
        ({"amount": "5.00", "currency": "USD", "user_id": "x"}, "invalid_request"),
        ({"amount": 5, "currency": "USD"}, "invalid_request"),
    ],
)
async def test_a_request_that_cannot_be_paid_is_refused(api: Api, body: dict[str, object], code: str) -> None:
    answer = await api.call("POST", "/v1/payments", a_user(), body, key=str(uuid4()))

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_open_payments_are_limited_however_many_are_begun_at_once(api: Api) -> None:
    user, key = a_user(), str(uuid4())
    await api.pay(user, key=key)

    answers = await asyncio.gather(*(api.pay(user) for _ in range(25)))

    assert Counter(answer.status_code for answer in answers) == {201: 19, 429: 6}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "too_many_open_payments"
    assert (await api.pay(user, key=key)).status_code == 201, "a repetition begins nothing"


async def test_an_ended_payment_makes_room_for_another(api: Api) -> None:
    user = a_user()
    made = [(await api.pay(user)).json() for _ in range(20)]
    assert (await api.pay(user)).status_code == 429

    await api.call("POST", f"/v1/payments/{made[0]['payment_id']}/cancel", user)

    assert (await api.pay(user)).status_code == 201


async def test_somebody_elses_payment_does_not_exist(api: Api) -> None:
    owner, other = a_user(), a_user()
    path = f"/v1/payments/{(await api.pay(owner)).json()['payment_id']}"

    seen = await api.call("GET", path, other)
    cancelled = await api.call("POST", f"{path}/cancel", other)
    listed = await api.call("GET", f"/v1/payments?user_id={owner}", other)

    assert [answer.status_code for answer in (seen, cancelled, listed)] == [404, 404, 404]
    assert (await api.call("GET", path, owner)).json()["state"] == "pending"
    assert (await api.call("GET", path, "op", roles=("operator",))).status_code == 200
    by_operator = await api.call("GET", f"/v1/payments?user_id={owner}", "op", roles=("operator",))
    assert len(by_operator.json()["items"]) == 1


async def test_without_a_token_nothing_is_told(api: Api) -> None:
    answer = await api.http.get(f"/v1/payments/{uuid4()}")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_the_history_is_paged_newest_first(api: Api) -> None:
    user = a_user()
    made = [(await api.pay(user)).json()["payment_id"] for _ in range(5)]

    first = await api.call("GET", "/v1/payments?limit=3", user)
    second = await api.http.get(
        first.headers["link"].partition("<")[2].partition(">")[0],
        headers={"authorization": first.request.headers["authorization"]},
    )

    shown = [item["payment_id"] for page in (first, second) for item in page.json()["items"]]
    assert shown == made[::-1]
    assert second.json()["next"] is None
    assert (await api.call("GET", "/v1/payments?before=zzz", user)).json()["code"] == "invalid_cursor"


async def test_a_payment_that_is_given_up_is_cancelled_and_closed_at_the_provider(
    api: Api, desk: Desk
) -> None:
    user = a_user()
    made = (await api.pay(user)).json()
    path = f"/v1/payments/{made['payment_id']}/cancel"

    cancelled, again = await api.call("POST", path, user), await api.call("POST", path, user)

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.json()["reason"]) == (200, "cancelled")
    assert await desk.published(user) == ["payment.initiated", "payment.failed"]

    async def closed() -> bool:
        return api.provider.checkouts[made["reference"]].status == "expired"

    await until(closed)


@pytest.mark.parametrize("cause", FailureCause)
async def test_a_failure_says_what_caused_it(desk: Desk, cause: FailureCause) -> None:
    if cause is FailureCause.REFUSED:
        desk.provider.fail_next("make_checkout", "declined")
    elif cause is FailureCause.UNREACHABLE:
        desk.provider.fail_next("make_checkout", "before")
    payment = await desk.begin()
    match cause:
        case FailureCause.DECLINED:
            desk.provider.decline(payment.reference)
            await desk.hear_of(payment)
        case FailureCause.CANCELLED:
            await desk.checkouts.give_up(payment)
        case FailureCause.EXPIRED:
            await desk.overdue(payment)
        case FailureCause.UNREACHABLE:
            await desk.look(payment)

    (failed,) = [row for row in await desk.events(payment.user_id) if row["type"] == "payment.failed.v1"]
    assert failed["data"]["cause"] == cause


async def test_a_payment_that_has_ended_cannot_be_given_up(api: Api) -> None:
    user = a_user()
    made = (await api.pay(user)).json()
    api.provider.pay(made["reference"])
    await api.webhook({"reference": made["reference"]})
    await api.until_state(made, "succeeded")

    refused = await api.call("POST", f"/v1/payments/{made['payment_id']}/cancel", user)

    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
    assert refused.json()["state"] == "succeeded"
