"""It starts with what it is told, says in one line what is missing, and logs no secret and no SMS."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import httpx
import pytest

from sandbox.foundation import money
from sandbox.main import listen
from sandbox.settings import UnusableSettings, read_settings
from sandbox.testing import SECRET


async def start(provider: str, **settings: str) -> Process:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", provider, env={**bare, **settings}, stdout=PIPE, stderr=PIPE
    )


async def test_a_provider_starts_logs_json_and_stops() -> None:
    process = await start("sms", SANDBOX_PORT="0", SANDBOX_API_KEY="the-api-key")
    assert process.stdout is not None
    listening = json.loads(await process.stdout.readline())
    headers = {"authorization": "Bearer the-api-key", "idempotency-key": "k"}
    async with httpx.AsyncClient(base_url=listening["url"], headers=headers, trust_env=False) as http:
        for path in ("/healthz", "/readyz"):
            assert (await http.get(path)).status_code == 200
        body = {"service": "whatsapp", "country": "us", "reference": "r"}
        order = (await http.post("/v1/orders", json=body)).json()
        await http.post(f"/v1/orders/{order['id']}/sms", json={"code": "482913"})
        held = asyncio.create_task(http.get("/v1/services", headers={"sandbox-faults": "timeout"}))
        await http.get("/v1/services")
        process.terminate()
        assert (await held).status_code == 504  # Let go, so that it stops at once.
    out, err = await asyncio.wait_for(process.communicate(), 10)

    lines = [json.loads(line) for line in out.decode().splitlines()]
    assert {"request", "webhook.emitted"} <= {line["event"] for line in lines}
    assert err == b""
    for secret in (b"482913", b"the-api-key"):
        assert secret not in out


async def test_a_missing_setting_is_named_without_a_traceback() -> None:
    process = await start("payments")
    _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 1
    assert err.decode() == "sandbox: SANDBOX_API_KEY is missing: callers send it as their bearer token.\n"


def test_a_port_that_is_taken_is_named() -> None:
    taken, _ = listen("127.0.0.1", 0)
    with taken, pytest.raises(UnusableSettings, match="SANDBOX_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_a_variable_wins_over_a_file_and_an_empty_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "sandbox_api_key").write_text("from-file\n")
    (tmp_path / "sandbox_seed").write_text("3")

    by_file = read_settings("sms", {"SANDBOX_API_KEY": ""}, tmp_path)
    by_variable = read_settings("sms", {"SANDBOX_API_KEY": "from-variable"}, tmp_path)

    assert (by_file.api_key, by_file.seed, by_file.port) == ("from-file", 3, 8092)
    assert by_variable.api_key == "from-variable"
    assert "from" not in repr(by_variable)


@pytest.mark.parametrize(
    "wrong",
    [
        {"SANDBOX_WEBHOOK_URL": "ftp://127.0.0.1/"},
        {"SANDBOX_WEBHOOK_URL": "http://127.0.0.1/", "SANDBOX_WEBHOOK_SECRET": SECRET.removeprefix("whsec_")},
        {"SANDBOX_WEBHOOK_URL": "http://127.0.0.1/", "SANDBOX_WEBHOOK_SECRET": "whsec_c2hvcnQ="},
        {"SANDBOX_WEBHOOK_URL": "http://127.0.0.1/", "SANDBOX_WEBHOOK_SECRET": ""},
        {"SANDBOX_PUBLIC_URL": "sandbox.example"},
        {"SANDBOX_PORT": "x"},
        {"SANDBOX_ORDER_SECONDS": "nan"},
        {"SANDBOX_SEED": "-1"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UnusableSettings, match=next(reversed(wrong))):
        read_settings("payments", {"SANDBOX_API_KEY": "k", **wrong}, tmp_path)


def test_amounts_are_shown_with_their_currency_s_digits() -> None:
    shown = [money(5, "USD"), money(1234567, "USD"), money(1200, "JPY"), money(1234, "KWD")]
    assert shown == ["0.05 USD", "12,345.67 USD", "1,200 JPY", "1.234 KWD"]
