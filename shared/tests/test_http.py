"""The edge every service shares: problems, limits, headers, traces, idempotency keys."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict
from structlog.testing import capture_logs

from shared.db import Database
from shared.http import Keyring, create_app, once
from shared.http.auth import Caller, require_role
from shared.http.idempotency import Key
from shared.testing.identities import Issuer, KeyPair, auth_keys

ISSUER = Issuer(KeyPair.generate())


class OutOfStock(Exception):
    """A domain error."""


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pieces: int


router = APIRouter()


@router.post("/accounts/{owner}/orders")
@router.post("/orders")
async def order(body: Order, identity: Caller, key: Key) -> dict[str, str]:
    if body.pieces > 10:
        raise OutOfStock("there are 10 pieces")
    return {"by": identity.user_id, "scope": key.scope, "fingerprint": key.fingerprint}


@router.post("/read")
async def read(request: Request) -> int:
    return len(await request.body())


@router.get("/crash")
async def crash() -> None:
    raise ZeroDivisionError("secret detail")


@router.get("/deadlock")
async def deadlock() -> None:
    raise asyncpg.DeadlockDetectedError("Process 1 waits for 2")


@router.get("/cut-off")
async def cut_off() -> None:
    raise asyncpg.ConnectionDoesNotExistError("closed in the middle")


@router.get("/back-office")
async def back_office(identity: Caller) -> None:
    require_role(identity, "operator")


async def refuse() -> None:
    raise ConnectionError("away")


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        "test",
        keyring=Keyring.from_json(auth_keys(ISSUER.key())),
        routers=[router],
        lifespan=nothing,
        problems={OutOfStock: (409, "out_of_stock")},
        ready={"database": refuse},
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def as_ada(**headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {ISSUER.token('ada')}", "idempotency-key": "k1"} | headers


async def test_ones_own_account_is_one_scope_under_either_name(http: httpx.AsyncClient) -> None:
    scopes = [
        (await http.post(f"/accounts/{owner}/orders", json={"pieces": 1}, headers=as_ada())).json()["scope"]
        for owner in ("me", "ada")
    ]

    assert scopes[0] == scopes[1]


async def test_the_key_is_bound_to_caller_route_and_body(http: httpx.AsyncClient) -> None:
    one = (await http.post("/orders", json={"pieces": 1}, headers=as_ada())).json()
    two = (await http.post("/orders", json={"pieces": 2}, headers=as_ada())).json()

    assert one["scope"] == "ada POST /orders"
    assert one["fingerprint"] != two["fingerprint"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"pieces": 11}, {}, 409, "out_of_stock"),
        ({"pieces": "many"}, {}, 422, "invalid_request"),
        ({"pieces": 1, "price": 0}, {}, 422, "invalid_request"),
        ({"pieces": 1}, {"idempotency-key": ""}, 400, "idempotency_key_missing"),
        ({"pieces": 1}, {"idempotency-key": "k" * 129}, 422, "invalid_request"),
        ({"pieces": 1}, {"authorization": ""}, 401, "invalid_token"),
        ({"pieces": 1}, {"authorization": "Bearer x.y.z"}, 401, "invalid_token"),
        ({"pieces": 1}, {"authorization": "Basic YTpi"}, 401, "invalid_token"),
    ],
)
async def test_every_refusal_is_a_problem_with_a_code(
    http: httpx.AsyncClient, body: dict[str, object], headers: dict[str, str], status: int, code: str
) -> None:
    answer = await http.post("/orders", json=body, headers=as_ada(**headers))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["ref"] == answer.headers["x-correlation-id"]


async def test_what_was_sent_is_not_sent_back(http: httpx.AsyncClient) -> None:
    answer = await http.post("/orders", json={"pieces": "top secret"}, headers=as_ada())

    assert "top secret" not in answer.text


async def test_a_body_over_64_kib_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/orders", json={"pieces": 1, "x": "y" * 70_000}, headers=as_ada())

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


async def test_an_unexpected_error_tells_no_detail(http: httpx.AsyncClient) -> None:
    answer = await http.get("/crash")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret detail" not in answer.text


async def test_a_caller_who_hangs_up_halfway_is_no_fault_of_ours(http: httpx.AsyncClient) -> None:
    said: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/read",
        "query_string": b"",
        "headers": [(b"content-length", b"100")],
    }
    transport = http._transport
    assert isinstance(transport, httpx.ASGITransport)
    with capture_logs() as logs:
        await transport.app(scope, receive, send)

    assert said[0] == 499
    assert "http.unexpected" not in {line["event"] for line in logs}


@pytest.mark.parametrize(
    ("path", "said"), [("/deadlock", "http.contention"), ("/cut-off", "http.database_unavailable")]
)
async def test_what_passes_by_itself_may_be_asked_again_and_the_log_says_which_it_was(
    http: httpx.AsyncClient, path: str, said: str
) -> None:
    with capture_logs() as logs:
        answer = await http.get(path, headers=as_ada())

    assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert [line["event"] for line in logs] == [said, "http.request"]


async def test_a_role_is_needed_where_it_is_asked_for(http: httpx.AsyncClient) -> None:
    operator = {"authorization": f"Bearer {ISSUER.token('bob', ['operator'])}"}

    assert (await http.get("/back-office", headers=as_ada())).status_code == 403
    assert (await http.get("/back-office", headers=operator)).status_code == 200


async def test_readiness_names_what_is_away(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readyz")

    assert answer.status_code == 503
    assert "database" in answer.json()["detail"]
    assert (await http.get("/healthz")).status_code == 200


async def test_what_was_there_once_is_not_asked_for_again() -> None:
    answers = [ConnectionError("away"), None, ConnectionError("away again")]

    async def check() -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    ready = once(check)
    with pytest.raises(ConnectionError):
        await ready()
    await ready()
    await ready()

    assert len(answers) == 1


async def test_a_forged_correlation_id_is_replaced(http: httpx.AsyncClient) -> None:
    good = await http.get("/healthz", headers={"x-correlation-id": "order-7"})
    bad = await http.get("/healthz", headers={"x-correlation-id": 'x" level="critical'})

    assert good.headers["x-correlation-id"] == "order-7"
    assert " " not in bad.headers["x-correlation-id"]


async def test_security_headers_are_on_every_answer(http: httpx.AsyncClient) -> None:
    for answer in (await http.get("/healthz"), await http.get("/nowhere"), await http.get("/crash")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def claim(db: Database, key: str, fingerprint: str, answer: dict[str, object] | None) -> str:
    async with db.transaction() as tx:
        row = await tx.fetchrow("SELECT * FROM claim_idempotency_key('scope', $1, $2)", key, fingerprint)
        assert row is not None
        if row["verdict"] == "claimed" and answer is not None:
            await tx.execute(
                "SELECT answer_idempotency_key('scope', $1, $2, 201, $3)", key, fingerprint, answer
            )
        return f"{row['verdict']} {row['answer']}"


async def test_a_key_is_claimed_once_then_replayed_and_never_reused(db: Database) -> None:
    key = uuid4().hex

    assert await claim(db, key, "f1", {"id": 7}) == "claimed None"
    assert await claim(db, key, "f1", {"id": 8}) == "replay {'id': 7}"
    assert await claim(db, key, "f2", {"id": 9}) == "reused {'id': 7}"


async def test_a_key_in_flight_is_said_to_be_so_at_once(db: Database) -> None:
    key = uuid4().hex
    async with db.transaction() as tx:
        await tx.fetchrow("SELECT * FROM claim_idempotency_key('scope', $1, 'f')", key)
        async with asyncio.timeout(2):
            assert await claim(db, key, "f", None) == "in_flight None"
