"""The demo's sign-in is there where two settings say so and this machine alone sees it, nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx
import jwt
import pytest
from pydantic import ValidationError

from shared.http.auth import Keyring
from shared.testing.identities import Issuer, KeyPair, auth_keys
from ws_gateway.adapters.sign_in import NoDemo
from ws_gateway.main import Settings, build

PAIR = KeyPair.generate()
USERS = Issuer(KeyPair.generate()).key()
KEYS = auth_keys(USERS, PAIR.verifier("demo-sign-in", ["user"]))
HERE = "http://127.0.0.1:8080"
NEEDED = {
    "broker_url": "amqp://127.0.0.1:1",
    "auth_keys": KEYS,
    "credit_url": "http://127.0.0.1:1",
    "payment_url": "http://127.0.0.1:1",
    "refund_url": "http://127.0.0.1:1",
    "monitor_url": "http://127.0.0.1:1",
    "verification_url": "http://127.0.0.1:1",
    "notifier_url": "http://127.0.0.1:1",
    "ticket_secret": "t" * 32,
    "service_key": PAIR.private,
    "allowed_origins": f"{HERE},http://localhost:8080,http://ws-gateway:8000",
}
DEMO = {"environment": "demo", "demo_sign_in_key": PAIR.private}


def page(**settings: str) -> httpx.AsyncClient:
    """A browser on the page of a gateway with these settings."""
    app = build(Settings(**NEEDED | settings))  # type: ignore[arg-type]  # All of them are texts.
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway", headers={"origin": HERE}
    )


async def test_in_a_demo_a_name_gets_a_users_token_for_a_quarter_of_an_hour() -> None:
    async with page(**DEMO) as http:
        answer = await http.post("/demo/sign-in", json={"user": "ada"})

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["token"]
    identity = Keyring.from_json(KEYS).verify(token)
    assert (identity.user_id, set(identity.roles)) == ("ada", {"user"})
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 15 * 60


async def test_without_its_key_there_is_no_such_route() -> None:
    for settings in ({}, {"environment": "demo"}, {"demo_sign_in_key": ""}):
        async with page(**settings) as http:
            answer = await http.post("/demo/sign-in", json={"user": "ada"})
            told = await http.get("/wallet/settings.json")

        assert answer.status_code == 404
        assert told.json() == {"demo_sign_in": False}


async def test_the_page_is_told_whether_it_can_sign_in_and_asks_each_time() -> None:
    async with page(**DEMO) as http:
        told = await http.get("/wallet/settings.json")

    assert told.json() == {"demo_sign_in": True}
    assert told.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "user", ["", "Ada", "ada lovelace", "-ada", "ada/../eve", "a" * 33, "ada\n", "ädä", 7, None]
)
async def test_what_is_no_plain_name_is_refused(user: object) -> None:
    async with page(**DEMO) as http:
        answer = await http.post("/demo/sign-in", json={"user": user})

    assert answer.status_code == 422


async def test_a_name_brings_no_role_along() -> None:
    async with page(**DEMO) as http:
        answer = await http.post("/demo/sign-in", json={"user": "ada", "roles": ["operator"]})

    assert answer.status_code == 422


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example:8080", "http://127.0.0.1:8081"])
async def test_another_page_is_not_served_by_whatever_name_it_has_reached_the_gateway(origin: str) -> None:
    async with page(**DEMO) as http:
        answer = await http.post("/demo/sign-in", json={"user": "ada"}, headers={"origin": origin})

    assert answer.status_code == 403
    assert answer.json()["code"] == "origin_refused"


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"environment": "production"}, "set LEDGERBELL_ENVIRONMENT=demo"),
        ({"allowed_origins": f"{HERE},https://wallet.example"}, "take https://wallet.example out"),
        ({"allowed_origins": "https://127.0.0.1:8080"}, "take https://127.0.0.1:8080 out"),
        ({"allowed_origins": "http://127.0.0.1.wallet.example"}, "take http://127.0.0.1.wallet.example out"),
        ({"allowed_origins": "http://127.0.0.1@wallet.example"}, "take http://127.0.0.1@wallet.example out"),
        ({"allowed_origins": "http://192.168.0.2:8080"}, "take http://192.168.0.2:8080 out"),
        ({"allowed_origins": "http://[::1"}, "take http://[::1 out"),
        ({"allowed_origins": "null"}, "take null out"),
        ({"demo_sign_in_key": "no key at all"}, "list its public key as 'demo-sign-in'"),
        ({"auth_keys": auth_keys(USERS)}, "list its public key as 'demo-sign-in'"),
        ({"auth_keys": auth_keys(PAIR.verifier("demo-sign-in", ["user", "operator"]))}, "'user' alone"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_where_it_could_do_harm_there_is_no_gateway(settings: dict[str, str], advice: str) -> None:
    with pytest.raises(NoDemo) as refused:
        page(**DEMO | settings)

    assert str(refused.value).startswith("LEDGERBELL_DEMO_SIGN_IN_KEY ")
    assert advice in str(refused.value)
    assert "PRIVATE KEY" not in str(refused.value)


def test_an_environment_that_is_neither_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="'production' or 'demo'"):
        page(environment="staging")


def test_the_process_ends_with_one_line_that_says_what_to_do() -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LEDGERBELL_")}
    settings = NEEDED | DEMO | {"environment": "production"}
    ended = subprocess.run(
        [sys.executable, "-m", "ws_gateway"],
        env=inherited | {f"LEDGERBELL_{name.upper()}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    [line] = ended.stderr.splitlines()
    assert line.startswith("ws-gateway: LEDGERBELL_DEMO_SIGN_IN_KEY lets anybody in")
    assert ended.stdout == ""
