"""What browsers load from here: typed, small, fresh, and the SDK for the pages of every site."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from shared.testing.identities import Issuer, KeyPair
from web import OPS, SDK, WALLET
from ws_gateway.main import Settings, build

OURS, FOREIGN = "https://wallet.example", "https://elsewhere.example"
FOLDERS = {"/sdk/v1": SDK, "/wallet": WALLET, "/ops": OPS}
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ts": "text/plain",
    ".txt": "text/plain",
}
SERVED = {
    f"{place}/{file.relative_to(folder)}": file
    for place, folder in FOLDERS.items()
    for file in sorted(folder.rglob("*"))
    if file.is_file()
}
LINKED = ("/", "/history", "/topup", "/verifications/1", "/refunds/1", "/payments/1", "/activity/1")
PAGES = dict.fromkeys(LINKED, WALLET / "index.html") | dict.fromkeys(("/ops", "/ops/"), OPS / "index.html")
ONE_OF_EACH = ("/sdk/v1/client.js", "/wallet/app.js", "/ops/app.js")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    nowhere = "http://127.0.0.1:1"
    settings = Settings(
        broker_url="amqp://127.0.0.1:1",
        auth_keys=json.dumps([Issuer(KeyPair.generate()).key()]),
        credit_url=nowhere,
        notifier_url=nowhere,
        payment_url=nowhere,
        refund_url=nowhere,
        monitor_url=nowhere,
        verification_url=nowhere,
        ticket_secret="t" * 32,
        service_key="x",
        allowed_origins=OURS,
    )
    transport = httpx.ASGITransport(build(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


def test_there_are_files_of_both() -> None:
    assert {path.rsplit("/", 1)[0] for path in SERVED} >= FOLDERS.keys()


@pytest.mark.parametrize("path", SERVED)
async def test_a_file_has_its_type_and_is_read_as_nothing_else(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)

    assert answer.content == SERVED[path].read_bytes()
    assert answer.headers["content-type"].partition(";")[0] == TYPES[Path(path).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ONE_OF_EACH)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_file_is_asked_for_each_time_and_sent_when_it_has_changed(
    http: httpx.AsyncClient, path: str, encoding: str
) -> None:
    first = await http.get(path, headers={"accept-encoding": encoding})
    again = await http.get(
        path, headers={"accept-encoding": encoding, "if-none-match": first.headers["etag"]}
    )
    changed = await http.get(path, headers={"accept-encoding": encoding, "if-none-match": 'W/"older"'})

    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["vary"] == first.headers["vary"]
    assert (changed.status_code, changed.content) == (200, first.content)


@pytest.mark.parametrize("path", ONE_OF_EACH)
async def test_a_file_is_compressed_for_who_takes_it(http: httpx.AsyncClient, path: str) -> None:
    small = await http.get(path, headers={"accept-encoding": "br, gzip"})
    plain = await http.get(path, headers={"accept-encoding": "identity"})

    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert "content-encoding" not in plain.headers
    assert small.content == plain.content
    for answer in (small, plain):
        assert answer.headers["vary"].split(", ") == ["Accept-Encoding", "Origin"]


async def test_what_is_a_users_own_is_never_compressed(http: httpx.AsyncClient) -> None:
    padded = {
        "accept-encoding": "gzip",
        "if-none-match": "x" * 101,
    }  # Refused in more words than gzip's least.

    answer = await http.get("/v1/stream", headers=padded)

    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("origin", [None, OURS, FOREIGN, "null"])
async def test_a_page_of_any_site_may_load_the_sdk(http: httpx.AsyncClient, origin: str | None) -> None:
    from_there = {"origin": origin} if origin else {}
    first = await http.get("/sdk/v1/client.js", headers=from_there)
    again = await http.get("/sdk/v1/client.js", headers=from_there | {"if-none-match": first.headers["etag"]})

    for answer in (first, again):
        assert answer.headers["access-control-allow-origin"] in ("*", origin)
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/wallet/app.js", "/ops/app.js"])
async def test_our_pages_files_are_loaded_by_them_only(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"origin": FOREIGN})

    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_comes_with_its_policy_wherever_a_notification_links_to(
    http: httpx.AsyncClient, path: str
) -> None:
    answer = await http.get(path)

    policy = set(answer.headers["content-security-policy"].split("; "))
    assert answer.content == PAGES[path].read_bytes()
    assert policy >= {
        "default-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types lit-html",
    }
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/sdk/v1/", "/sdk/v1/../__init__.py", "/wallet/%2e%2e/__init__.py", "/wallet/x"]
)
async def test_nothing_else_is_a_file(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("origin", "allowed"), [(OURS, True), (FOREIGN, False), ("null", False), (None, False)]
)
async def test_a_page_can_learn_whether_it_is_on_the_list(
    http: httpx.AsyncClient, origin: str | None, allowed: bool
) -> None:
    answer = await http.get("/sdk/v1/origin", headers={"origin": origin} if origin else {})

    assert answer.json() == {"origin": origin, "allowed": allowed}
    assert answer.headers["access-control-allow-origin"] in ("*", origin)
    assert answer.headers["cache-control"] == "no-store"
