"""Accounts and statements: one's own, in order, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from services.credit.tests.conftest import Api

OPERATOR = ("operator",)


async def test_opening_twice_keeps_the_account_as_it_is(api: Api) -> None:
    user = await api.user_with("5.00", threshold="2.00")

    again = await api.call("POST", "/v1/accounts", user, {"currency": "USD", "low_balance_threshold": "9.00"})

    assert again.status_code == 200
    assert (again.json()["posted"], again.json()["low_balance_threshold"]) == ("5.00", "2.00")


async def test_a_user_has_an_account_for_each_currency(api: Api) -> None:
    user = await api.user_with("5.00")
    await api.call("POST", "/v1/accounts", user, {"currency": "EUR"})

    answer = await api.call("GET", "/v1/accounts/me", user)

    view = answer.json()
    assert view["user_id"] == user
    assert [(a["currency"], a["posted"], a["available"], a["held"]) for a in view["accounts"]] == [
        ("EUR", "0.00", "0.00", "0.00"),
        ("USD", "5.00", "5.00", "0.00"),
    ]


async def test_another_users_ids_are_answered_as_if_they_did_not_exist(api: Api) -> None:
    user, other = await api.user_with("5.00"), await api.user_with("5.00")
    money = {"amount": "1.00", "currency": "USD", "reason": "r"}
    paths: list[tuple[str, str, object]] = [
        ("GET", "", None),
        ("GET", "/entries", None),
        ("PUT", "/low-balance-threshold", {"currency": "USD", "amount": "1.00"}),
        ("POST", "/debits", money),
        ("POST", "/holds", {**money, "expires_in_seconds": 60}),
        ("POST", "/credits", {**money, "source": "manual"}),
    ]
    for method, path, body in paths:
        theirs = await api.call(method, f"/v1/accounts/{other}{path}", user, body, key=str(uuid4()))
        nobodys = await api.call(method, f"/v1/accounts/nobody{path}", user, body, key=str(uuid4()))
        assert (theirs.status_code, theirs.json()["code"]) == (404, "not_found"), path
        assert {**theirs.json(), "ref": ""} == {**nobodys.json(), "ref": ""}
    assert (await api.balance(other))["posted"] == "5.00"


async def test_operators_and_services_act_on_any_account(api: Api) -> None:
    user = await api.user_with("5.00")
    body = {"amount": "1.00", "currency": "USD", "reason": "Fee"}

    for role in ("operator", "service"):
        answer = await api.call("POST", f"/v1/accounts/{user}/debits", role, body, roles=(role,), key=role)
        assert answer.status_code == 201


@pytest.mark.parametrize("role", ["user", "service"])
async def test_only_operators_add_credits_by_hand(api: Api, role: str) -> None:
    user = await api.user_with("5.00")
    body = {"amount": "1.00", "currency": "USD", "source": "bonus", "reason": "Me"}
    caller = user if role == "user" else "verification"

    answer = await api.call("POST", f"/v1/accounts/{user}/credits", caller, body, roles=(role,), key="k")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.balance(user))["posted"] == "5.00"


async def test_a_statement_is_read_page_by_page_newest_first(api: Api) -> None:
    user = await api.user_with("100.00")
    for number in range(1, 6):
        await api.debit(user, f"{number}.00", reference=f"V-{number}")

    path: str | None = "/v1/accounts/me/entries?limit=2"
    amounts, pages = [], 0
    while path:
        answer = await api.call("GET", path, user)
        assert answer.status_code == 200
        amounts += [item["amount"] for item in answer.json()["items"]]
        pages += 1
        path = answer.links["next"]["url"] if "next" in answer.links else None
        assert (path is None) == (answer.json()["next"] is None)
        if pages == 1:
            await api.debit(user, "50.00")  # What comes meanwhile shifts nothing.

    assert amounts == ["-5.00", "-4.00", "-3.00", "-2.00", "-1.00", "100.00"]
    assert pages == 3


async def test_a_line_of_the_statement_says_what_it_was(api: Api) -> None:
    user = await api.user_with("10.00")
    booked = await api.debit(user, "1.00", service="WhatsApp", reference="V-1", link="/verifications/1")

    answer = await api.call("GET", f"/v1/accounts/{user}/entries?limit=1", user)

    assert answer.json()["items"] == [{**booked.json(), "amount": "-1.00"}]


async def test_an_operator_sees_a_users_statement(api: Api) -> None:
    user = await api.user_with("10.00")

    answer = await api.call("GET", f"/v1/accounts/{user}/entries", "op", roles=OPERATOR)

    assert [item["amount"] for item in answer.json()["items"]] == ["10.00"]


@pytest.mark.parametrize(
    "query", ["before=1", "before=%00", "before=ZTE%3D", "limit=0", "limit=101", "limit=x"]
)
async def test_a_page_that_cannot_be_is_refused(api: Api, query: str) -> None:
    user = await api.user_with("10.00")

    answer = await api.call("GET", f"/v1/accounts/me/entries?{query}", user)

    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid_cursor", "invalid_request"}


async def test_a_user_without_an_account_is_not_found(api: Api) -> None:
    for method, path, body in (
        ("GET", "/v1/accounts/me", None),
        ("PUT", "/v1/accounts/me/low-balance-threshold", {"currency": "USD", "amount": "1.00"}),
    ):
        answer = await api.call(method, path, "nobody", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
