"""An answer that cannot be read is nobody's word: whether credit has acted stays open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import orjson
import pytest

from shared.http.auth import ServiceToken
from shared.http.credit import Credit, CreditAway, CreditRefused, credit_client
from shared.money import Money
from shared.testing.identities import KeyPair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    Call = Callable[[Credit], Awaitable[object]]


def answering(status: int, body: bytes) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


async def call(app: ASGIApp, call: Call) -> object:
    token = ServiceToken("payment", KeyPair.generate().private)
    async with credit_client("http://credit", transport=httpx.ASGITransport(app)) as http:
        return await call(Credit(http, token))


CALLS: dict[str, Call] = {
    "place_hold": lambda credit: credit.place_hold(
        "user-1", Money(400, "USD"), key="k", reason="WhatsApp", expires_in_seconds=600
    ),
    "post_hold": lambda credit: credit.post_hold(uuid4()),
    "void_hold": lambda credit: credit.void_hold(uuid4()),
    "transfer": lambda credit: credit.transfer(uuid4()),
    "has_account": lambda credit: credit.has_account("user-1", "USD"),
}
TRANSFER = {
    "transfer_id": str(uuid4()),
    "user_id": "user-1",
    "currency": "USD",
    "amount": "4.00",
    "balance_after": "6.00",
    "held_after": "0.00",
    "version": 3,
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b"null", b"7", b'{"hold_id": "x", "transfer_id": 1}', b"\xff"]
)
@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 422])
async def test_nonsense_decides_nothing(name: str, body: bytes, status: int) -> None:
    with pytest.raises(CreditAway):
        await call(answering(status, body), CALLS[name])


@pytest.mark.parametrize(
    "wrong",
    [
        {"transfer_id": "7"},
        {"currency": None},
        {"currency": "XXXX"},
        {"amount": 4},
        {"amount": "4.001"},
        {"balance_after": []},
        {"version": None},
    ],
)
async def test_a_transfer_that_makes_no_sense_decides_nothing(wrong: dict[str, Any]) -> None:
    body = orjson.dumps(TRANSFER | wrong)

    with pytest.raises(CreditAway):
        await call(answering(200, body), CALLS["transfer"])


async def test_what_can_be_read_is_believed() -> None:
    found = await call(answering(200, orjson.dumps(TRANSFER)), CALLS["transfer"])
    with pytest.raises(CreditRefused) as refused:
        await call(
            answering(409, b'{"code": "state_conflict", "detail": "It has ended."}'), CALLS["void_hold"]
        )

    assert str(getattr(found, "id", None)) == TRANSFER["transfer_id"]
    assert (refused.value.status, refused.value.code) == (409, "state_conflict")


async def test_a_silent_credit_is_waited_for_as_long_as_was_said() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        await asyncio.Event().wait()

    with pytest.raises(CreditAway):
        await call(silent, lambda credit: credit.has_account("user-1", "USD", seconds=0.01))


async def test_a_fault_on_the_way_is_told_by_its_kind_alone() -> None:
    """What a library says of it may hold an address with a password in it."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise httpx.ConnectError("to http://name:secret@credit")

    with pytest.raises(CreditAway) as away:
        await call(broken, CALLS["transfer"])

    assert "ConnectError" in str(away.value)
    assert "secret" not in str(away.value)
