"""Requests that mean no good, or mean nothing: each refused with its own status, none of them a 500."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import jwt
import pytest

if TYPE_CHECKING:
    from services.credit.tests.conftest import Api
    from shared.testing.identities import Issuer

DEBIT = {"amount": "1.00", "currency": "USD", "reason": "r"}
PATH = "/v1/accounts/me/debits"


async def test_money_does_not_move_without_an_idempotency_key(api: Api) -> None:
    user = await api.user_with("5.00")
    hold_id = (await api.hold(user, "1.00")).json()["hold_id"]
    calls: list[tuple[str, object]] = [
        (PATH, DEBIT),
        ("/v1/accounts/me/holds", {**DEBIT, "expires_in_seconds": 60}),
        (f"/v1/holds/{hold_id}/post", None),
        (f"/v1/holds/{hold_id}/void", None),
    ]
    for path, body in calls:
        answer = await api.call("POST", path, user, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing"), path


@pytest.mark.parametrize(
    "amount",
    [
        "1e5",
        "-1",
        "0",
        "0.00",
        "1.001",
        "+1",
        " 1",
        "1,00",
        "01",
        ".5",
        "1.",
        "NaN",
        "Infinity",
        "",
        "١",
        "9" * 17,
        "9" * 99,
    ],
)
async def test_what_is_not_a_positive_amount_is_refused(api: Api, amount: str) -> None:
    user = await api.user_with("5.00")

    answer = await api.debit(user, amount)

    assert answer.status_code == 422
    assert answer.json()["code"] in {"invalid_amount", "invalid_request"}
    assert (await api.balance(user))["posted"] == "5.00"


@pytest.mark.parametrize("amount", [1, 1.5, None, True, ["1.00"], {"a": "1.00"}])
async def test_an_amount_is_a_string(api: Api, amount: object) -> None:
    user = await api.user_with("5.00")

    answer = await api.call("POST", PATH, user, {**DEBIT, "amount": amount}, key="k")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("currency", ["QQQ", "usd", "US", "USDD", "", "U\u0000D", "💳💳💳"])
async def test_an_unknown_currency_is_refused(api: Api, currency: str) -> None:
    user = await api.user_with("5.00")

    answers = [
        await api.debit(user, "1.00", currency=currency),
        await api.call("POST", "/v1/accounts", user, {"currency": currency}),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["code"] in {"unknown_currency", "invalid_request"}


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": "somebody"},
        {"source": "manual"},
        {"reason": "a\nb"},
        {"reason": "nul\u0000"},
        {"reason": ""},
        {"reason": "x" * 201},
        {"service": "x" * 101},
        {"reference": "\u202e1"},
        {"link": "//evil.example"},
        {"link": "https://evil.example"},
        {"link": "/" + "x" * 300},
    ],
)
async def test_unknown_fields_and_unsafe_texts_are_refused(api: Api, fields: dict[str, object]) -> None:
    user = await api.user_with("5.00")

    answer = await api.call("POST", PATH, user, {**DEBIT, **fields}, key="k")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"amount": "1.00"}',
        b"[" * 40_000,
        b'{"amount": "1.00", "currency": "USD", "reason": "\\ud800"}',
    ],
)
async def test_a_broken_body_is_refused(api: Api, users: Issuer, content: bytes) -> None:
    headers = {
        "authorization": f"Bearer {users.token('u')}",
        "idempotency-key": "k",
        "content-type": "application/json",
    }

    answer = await api.http.post(PATH, content=content, headers=headers)

    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_over_64_kilobytes_is_refused(api: Api) -> None:
    user = await api.user_with("5.00")

    answer = await api.call("POST", PATH, user, {**DEBIT, "reason": "x" * 65 * 1024}, key="k")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_key_longer_than_it_may_be_is_refused(api: Api) -> None:
    user = await api.user_with("5.00")

    answer = await api.debit(user, "1.00", "k" * 129)

    assert answer.status_code == 422


@pytest.mark.parametrize("seconds", [0, -1, 30 * 24 * 3600 + 1, 10**12, "60", 1.5])
async def test_a_hold_has_a_sensible_end(api: Api, seconds: object) -> None:
    user = await api.user_with("5.00")

    answer = await api.hold(user, "1.00", expires_in_seconds=seconds)

    assert answer.status_code == 422


@pytest.mark.parametrize("user_id", ["%00", "a%0Ab", "x" * 201, "%F0%9F%92%A3%00"])
async def test_an_operator_cannot_ask_for_an_impossible_user(api: Api, user_id: str) -> None:
    answer = await api.call("GET", f"/v1/accounts/{user_id}", "op", roles=("operator",))

    assert answer.status_code == 404


async def test_a_hold_id_that_is_none_is_refused(api: Api) -> None:
    answer = await api.end("1%27%20OR%201=1", "post", "u")

    assert answer.status_code == 422


def _claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    known = {
        "iss": "ledgerbell",
        "aud": "ledgerbell",
        "sub": "u",
        "roles": ["user"],
        "iat": now,
        "exp": now + 60,
    }
    return {name: value for name, value in {**known, **changes}.items() if value is not None}


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "none": lambda _: "",
    "nonsense": lambda _: "Bearer x.y.z",
    "basic": lambda i: f"Basic {i.token('u')}",
    "expired": lambda i: f"Bearer {i.token('u', seconds=-1)}",
    "flipped": lambda i: f"Bearer {i.token('u')[:-4]}AAAA",
    "unsigned": lambda i: (
        "Bearer " + jwt.encode(_claims(), "", algorithm="none", headers={"kid": i.kid, "typ": "at+jwt"})
    ),
    "other key": lambda i: (
        "Bearer "
        + jwt.encode(_claims(), "x" * 32, algorithm="HS256", headers={"kid": i.kid, "typ": "at+jwt"})
    ),
    "other issuer": lambda i: "Bearer " + _signed(i, iss="evil"),
    "other audience": lambda i: "Bearer " + _signed(i, aud="evil"),
    "other type": lambda i: "Bearer " + _signed(i, typ="JWT"),
    "unknown key id": lambda i: "Bearer " + _signed(i, kid="evil"),
    "no end": lambda i: "Bearer " + _signed(i, exp=None),
    "a role its key may not confer": lambda i: "Bearer " + _signed(i, roles=["service"]),
}


def _signed(issuer: Issuer, *, typ: str = "at+jwt", kid: str | None = None, **changes: object) -> str:
    headers = {"kid": kid or issuer.kid, "typ": typ}
    return jwt.encode(_claims(**changes), issuer.pair.private, algorithm="EdDSA", headers=headers)


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_wrong_token_is_refused(api: Api, users: Issuer, forgery: str) -> None:
    headers = {"authorization": FORGERIES[forgery](users), "idempotency-key": str(uuid4())}

    answers = [
        await api.http.get("/v1/accounts/me", headers=headers),
        await api.http.post(PATH, json=DEBIT, headers=headers),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"] == "Bearer"
