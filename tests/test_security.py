"""reliability.md's statements 1 to 8, each against the running system."""

import asyncio
import json
import os
import socket as sockets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from ledgerbell.stack import MODULES, Stack
from ledgerbell.tab import Tab
from shared.testing.identities import KeyPair

TabOf = Callable[[str], Tab]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.gateway_url, timeout=15) as client:
        yield client


def bearer(stack: Stack, user: str, **options: object) -> dict[str, str]:
    return {"authorization": f"Bearer {stack.token(user, **options)}"}  # type: ignore[arg-type]


def socket(stack: Stack, origin: str | None = "", *, kernel_bytes: int | None = None) -> connect:
    """A raw socket to the gateway; ``kernel_bytes`` is all that its own kernel buffers for it."""
    raw = None
    if kernel_bytes is not None:
        parts = urlsplit(stack.gateway_url)
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, kernel_bytes)
        raw.connect((parts.hostname, parts.port))
    return connect(
        stack.gateway_url.replace("http", "ws", 1) + "/v1/ws",
        origin=Origin(stack.gateway_url) if origin == "" else Origin(origin) if origin else None,
        subprotocols=[Subprotocol("ledgerbell.v1")],
        ping_interval=None,
        proxy=None,
        sock=raw,
    )


async def ticket(stack: Stack, http: httpx.AsyncClient, user: str, **options: object) -> str:
    answer = await http.post("/v1/tickets", headers=bearer(stack, user, **options))
    return str(answer.raise_for_status().json()["ticket"])


async def say_hello(connection: ClientConnection, ticket: str) -> dict[str, object]:
    await connection.send(json.dumps({"type": "hello", "ticket": ticket, "cursor": "1:0"}))
    answer: dict[str, object] = json.loads(await connection.recv())
    return answer


async def close_code(connection: ClientConnection, seconds: float = 15) -> int:
    """The code the gateway closes with."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                await connection.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


# ------------------------------------------------------------------ 1: nobody else's


async def test_1_another_users_ids_are_not_found(
    stack: Stack, http: httpx.AsyncClient, tab_of: TabOf, user: str
) -> None:
    await stack.open_account(user, "USD")
    async with tab_of(user) as tab:
        await stack.add_credits(user, "10.00")
        await tab.until(lambda: len(tab.received) == 1)
    id_ = tab.received[0].frame["id"]
    stranger = bearer(stack, f"{user}-stranger") | {"idempotency-key": str(uuid4())}
    money = {"amount": "1.00", "currency": "USD", "reason": "theft"}

    answers = [
        await http.get(f"/v1/accounts/{user}", headers=stranger),
        await http.get(f"/v1/accounts/{user}/entries", headers=stranger),
        await http.post(f"/v1/accounts/{user}/debits", json=money, headers=stranger),
        await http.post(
            f"/v1/accounts/{user}/holds", json=money | {"expires_in_seconds": 60}, headers=stranger
        ),
        await http.post(f"/v1/notifications/{id_}/read", headers=stranger),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert {answer.json()["code"] for answer in answers} == {"not_found"}


async def test_1_a_user_cannot_give_themselves_credits(
    stack: Stack, http: httpx.AsyncClient, user: str
) -> None:
    await stack.open_account(user, "USD")
    gift = {"amount": "1.00", "currency": "USD", "source": "bonus", "reason": "gift"}
    headers = bearer(stack, user) | {"idempotency-key": str(uuid4())}

    answer = await http.post(f"/v1/accounts/{user}/credits", json=gift, headers=headers)

    assert answer.status_code == 403


async def test_1_who_a_caller_is_comes_from_the_token_alone(
    stack: Stack, http: httpx.AsyncClient, user: str
) -> None:
    await stack.open_account(user, "USD")
    forged = bearer(stack, f"{user}-stranger") | {"x-user-id": user, "x-forwarded-user": user}

    answer = await http.get("/v1/accounts/me", headers=forged)

    assert user not in answer.text.replace(f"{user}-stranger", "")


async def test_1_internal_routes_are_not_passed_on(stack: Stack, http: httpx.AsyncClient, user: str) -> None:
    for path in (
        "/internal/streams",
        "/v1/notifications/../../internal/streams",
        "/metrics",
        "/openapi.json",
    ):
        answer = await http.post(path, json={}, headers=bearer(stack, user))
        assert answer.status_code in (404, 405), path
    async with httpx.AsyncClient(base_url=stack.notifier_url) as notifier:
        direct = await notifier.post(
            "/internal/heads", json={"user_ids": [user]}, headers=bearer(stack, user)
        )
    assert direct.status_code == 403


# ------------------------------------------------------------------ 2: strict input, allow-listed output


async def test_2_unknown_fields_are_refused(stack: Stack, http: httpx.AsyncClient, user: str) -> None:
    await stack.open_account(user, "USD")
    body = {"amount": "1.00", "currency": "USD", "reason": "x", "balance_after": 0}
    headers = bearer(stack, user) | {"idempotency-key": str(uuid4())}

    answer = await http.post(f"/v1/accounts/{user}/debits", json=body, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"


async def test_2_frames_hold_what_the_protocol_names_and_no_more(
    stack: Stack, tab_of: TabOf, user: str
) -> None:
    await stack.open_account(user, "USD")
    async with tab_of(user) as tab:
        await stack.add_credits(user, "10.00")
        await tab.until(lambda: len(tab.received) == 1 and "USD" in tab.balances)

    assert set(tab.received[0].frame) == {
        "type", "seq", "id", "kind", "lane", "icon", "title", "body", "text", "link", "toast", "amount",
        "currency", "transfer_id", "occurred_at", "read", "unread", "rev",
    }  # fmt: skip
    assert set(tab.balances["USD"]) - {"type"} == {"currency", "posted", "held", "available", "version"}


# ------------------------------------------------------------------ 3: tokens (one by one in shared's tests)


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Bearer a.b.c", "Basic YTpi"])
@pytest.mark.parametrize("path", ["/v1/tickets", "/v1/accounts", "/v1/notifications/read"])
async def test_3_without_a_valid_token_every_door_is_shut(
    http: httpx.AsyncClient, token: str, path: str
) -> None:
    answer = await http.post(path, json={}, headers={"authorization": token})

    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"


async def test_3_an_expired_token_is_refused(stack: Stack, http: httpx.AsyncClient, user: str) -> None:
    assert (await http.post("/v1/tickets", headers=bearer(stack, user, seconds=-5))).status_code == 401


@pytest.mark.parametrize("module", MODULES.values())
def test_3_a_short_secret_stops_the_start(module: str) -> None:
    keys = json.dumps([{"kid": "k", "alg": "HS256", "key": "short", "roles": ["user"]}])
    environment = os.environ | {
        "LEDGERBELL_AUTH_KEYS": keys,
        "LEDGERBELL_BROKER_URL": "amqp://127.0.0.1:1",
        "LEDGERBELL_DATABASE_URL": "postgresql://127.0.0.1:1/x",
        "LEDGERBELL_CREDIT_URL": "http://127.0.0.1:1",
        "LEDGERBELL_PAYMENT_URL": "http://127.0.0.1:1",
        "LEDGERBELL_REFUND_URL": "http://127.0.0.1:1",
        "LEDGERBELL_VERIFICATION_URL": "http://127.0.0.1:1",
        "LEDGERBELL_MONITOR_URL": "http://127.0.0.1:1",
        "LEDGERBELL_NOTIFIER_URL": "http://127.0.0.1:1",
        "LEDGERBELL_SANDBOX_URL": "http://127.0.0.1:1",
        "LEDGERBELL_SANDBOX_API_KEY": "x",
        "LEDGERBELL_SANDBOX_WEBHOOK_SECRETS": "whsec_eA==",
        "LEDGERBELL_TICKET_SECRET": "t" * 32,
        "LEDGERBELL_SERVICE_KEY": "x",
        "LEDGERBELL_TRAIL_KEY": KeyPair.generate().private,
        "LEDGERBELL_ALLOWED_ORIGINS": "http://127.0.0.1",
        "LEDGERBELL_PORT": "0",
    }

    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert "at least 32 bytes" in ended.stderr + ended.stdout


# ------------------------------------------------------------------ 4: Origin


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "{gateway}.evil.example", "{gateway}@evil.example"]
)
async def test_4_a_foreign_origin_is_refused_before_accept(stack: Stack, origin: str | None) -> None:
    foreign = origin and origin.replace("{gateway}", stack.gateway_url)

    with pytest.raises(InvalidStatus) as refused:
        async with socket(stack, foreign):
            pass

    assert refused.value.response.status_code == 403


# ------------------------------------------------------------------ 5: tickets


async def test_5_a_ticket_opens_one_socket(stack: Stack, http: httpx.AsyncClient, user: str) -> None:
    once = await ticket(stack, http, user)
    async with socket(stack) as first, socket(stack) as second:
        assert (await say_hello(first, once))["type"] == "welcome"
        await second.send(json.dumps({"type": "hello", "ticket": once}))
        assert await close_code(second) == 4401


@pytest.mark.parametrize("forged", ["", "nonsense", "a.b.c"])
async def test_5_a_forged_ticket_opens_none(stack: Stack, forged: str) -> None:
    async with socket(stack) as connection:
        await connection.send(json.dumps({"type": "hello", "ticket": forged}))
        assert await close_code(connection) == 4401


async def test_5_a_users_token_is_no_ticket(stack: Stack, user: str) -> None:
    async with socket(stack) as connection:
        await connection.send(json.dumps({"type": "hello", "ticket": stack.token(user)}))
        assert await close_code(connection) == 4401


# ------------------------------------------------------------------ 6: the token's end


async def test_6_a_socket_closes_within_5_s_of_its_tokens_end(
    stack: Stack, http: httpx.AsyncClient, user: str
) -> None:
    ends_at = int(time.time()) + 2
    async with socket(stack) as connection:
        await say_hello(connection, await ticket(stack, http, user, seconds=2))
        assert await close_code(connection) == 4401

    assert ends_at <= time.time() <= ends_at + 5


async def test_6_a_new_hello_keeps_a_live_socket_open(
    stack: Stack, http: httpx.AsyncClient, user: str
) -> None:
    async with socket(stack) as connection:
        await say_hello(connection, await ticket(stack, http, user, seconds=2))
        renewed = await ticket(stack, http, user, seconds=60)
        await connection.send(json.dumps({"type": "hello", "ticket": renewed}))
        with pytest.raises(TimeoutError):
            await close_code(connection, seconds=5)


async def test_6_another_users_ticket_does_not_renew(
    stack: Stack, http: httpx.AsyncClient, user: str
) -> None:
    async with socket(stack) as connection:
        await say_hello(connection, await ticket(stack, http, user))
        other = await ticket(stack, http, f"{user}-stranger")
        await connection.send(json.dumps({"type": "hello", "ticket": other}))
        assert await close_code(connection) == 4401


# ------------------------------------------------------------------ 7: frames and caps


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("x" * 70_000, 1009),
        ("{", 4500),
        ("[]", 4500),
        ('{"type": "nobody"}', 4500),
        ('{"type": "ack", "seq": 1}', 4500),
        ('{"type": "hello", "ticket": "' + "t" * 1025 + '"}', 4500),
        ('{"type": "hello", "ticket": "t", "cursor": "1:-1"}', 4500),
        ('{"type": "hello", "ticket": "t", "user_id": "somebody"}', 4500),
        (b"binary", 4500),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_7_a_frame_that_is_not_the_protocols_closes_the_socket(
    stack: Stack, frame: str | bytes, code: int
) -> None:
    async with socket(stack) as connection:
        await connection.send(frame)
        assert await close_code(connection) == code


async def test_7_a_silent_handshake_times_out(stack: Stack) -> None:
    async with socket(stack) as connection:
        assert await close_code(connection) == 1013


async def test_7_too_many_messages_close_the_socket(stack: Stack, http: httpx.AsyncClient, user: str) -> None:
    async with socket(stack) as connection:
        await say_hello(connection, await ticket(stack, http, user))
        for _ in range(110):
            await connection.send('{"type": "pong"}')
        assert await close_code(connection) == 4429


async def test_7_a_user_has_so_many_sockets_and_no_more(
    stack: Stack, http: httpx.AsyncClient, user: str
) -> None:
    opened: list[ClientConnection] = []
    try:
        for _ in range(20):
            connection = await socket(stack)
            opened.append(connection)
            await say_hello(connection, await ticket(stack, http, user))
        async with socket(stack) as one_more:
            await one_more.send(json.dumps({"type": "hello", "ticket": await ticket(stack, http, user)}))
            assert await close_code(one_more) == 4429
    finally:
        for connection in opened:
            await connection.close()


# ------------------------------------------------------------------ 8: the slow reader


async def test_8_a_tab_that_does_not_read_is_dropped_and_its_neighbour_notices_nothing(
    stack: Stack, http: httpx.AsyncClient, tab_of: TabOf, user: str
) -> None:
    debits = 3000
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "100.00")
    async with tab_of(user) as neighbour, socket(stack, kernel_bytes=8192) as stuck:
        await say_hello(stuck, await ticket(stack, http, user))
        stuck.transport.pause_reading()
        gateway = stack.supervisor.pid("ws-gateway")
        before = resident_kib(gateway)
        limit = asyncio.Semaphore(16)

        async def one(number: int) -> None:
            async with limit:
                await stack.debit(user, "0.01", reason=f"{number} " + "x" * 180)

        await asyncio.gather(*(one(number) for number in range(debits)))
        await neighbour.until(lambda: len(neighbour.received) == debits + 1, seconds=60)

        assert neighbour.seqs == list(range(1, debits + 2))
        assert neighbour.sessions == 1
        assert resident_kib(gateway) - before < 16 * 1024
        async with asyncio.timeout(30):
            while 'gateway_closed_total{code="4408"}' not in await stack.metrics("ws-gateway"):
                await asyncio.sleep(0.2)
        stuck.transport.abort()


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
