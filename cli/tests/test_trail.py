"""The check of the whole trail on the command line: every part is asked for, and a key believes nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from ledgerbell.main import app
from shared.testing.evidence import KEY, made_up_trail
from shared.trail import START, Checkpoint, Signed, fingerprint, public_text, read_bundle

AT = "2026-03-14T09:26:53.589793Z"
PUBLIC = public_text(KEY.public_key())
FIRST = Checkpoint(1, AT, START, 2, bytes([1]) * 32)
SECOND = Checkpoint(2, AT, FIRST.digest(), 1, bytes([2]) * 32)
LAST = f"2:{SECOND.root.hex()}"
FAULT = {"kind": "seal_missing", "row": "seal 7 of user al\x1bice", "message": "the one after it is there"}


def members(checkpoint: Checkpoint) -> dict[str, Any]:
    return dict(Signed(checkpoint, checkpoint.sign(KEY), fingerprint(KEY.public_key())).members())


def part(checkpoint: Checkpoint, following: str | None, *faults: dict[str, str]) -> dict[str, Any]:
    return {"faults": faults, "checkpoints": [members(checkpoint)], "seals": 20, "next": following}


Parts = dict[str, dict[str, Any]]


@pytest.fixture
def parts() -> Parts:
    """By the cursors that they are asked for with."""
    return {"": part(FIRST, "1.20.0"), "1.20.0": part(SECOND, None)}


@pytest.fixture
def gateway(parts: Parts) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query).get("after", [""])[0]
            answer = json.dumps(parts[asked]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def check(gateway: str, *arguments: str | Path) -> Result:
    environment = {"LEDGERBELL_GATEWAY_URL": gateway, "LEDGERBELL_OPERATOR_TOKEN": "a-token"}
    command = ["audit", "check", *map(str, arguments)]
    return CliRunner().invoke(app, command, env=environment, catch_exceptions=False)


def test_a_trail_that_is_whole_is_summed_up_with_what_to_keep(gateway: str) -> None:
    checked = check(gateway, "--key", PUBLIC, "--last", LAST)
    assert checked.exit_code == 0, checked.output
    assert checked.stdout.splitlines() == [
        "ledgerbell: whole: 40 sealed entries, 2 checkpoints",
        f"ledgerbell: keep this elsewhere, for --last: {LAST}",
    ]


def test_what_the_service_found_is_named_once_of_each_kind(gateway: str, parts: Parts) -> None:
    parts[""]["faults"] = [FAULT]
    parts["1.20.0"]["faults"] = [{**FAULT, "row": "seal 9"}, {**FAULT, "kind": "entry_altered"}]
    checked = check(gateway)
    assert checked.exit_code == 1
    assert checked.stderr.splitlines() == [
        "ledgerbell: not whole: seal 7 of user al ice (seal_missing): the one after it is there",
        "ledgerbell: not whole: seal 7 of user al ice (entry_altered): the one after it is there",
    ]


def test_with_a_key_a_checkpoint_is_not_believed_that_it_did_not_sign(gateway: str, parts: Parts) -> None:
    parts["1.20.0"]["checkpoints"][0]["checkpoint"]["leaves"] = 5
    assert check(gateway).exit_code == 0
    checked = check(gateway, "--key", PUBLIC)
    assert checked.exit_code == 1
    assert "checkpoint 2 (checkpoint_altered): it is not what was signed" in checked.stderr


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (f"3:{'00' * 32}", "checkpoint 3 (checkpoint_missing): it was kept, and is not there"),
        (f"2:{'00' * 32}", "checkpoint 2 (checkpoint_altered): it is not the one that was kept"),
    ],
)
def test_what_was_kept_must_be_there_as_it_was(gateway: str, last: str, said: str) -> None:
    checked = check(gateway, "--last", last)
    assert checked.exit_code == 1
    assert said in checked.stderr


def test_a_bundle_is_a_checkpoint_that_was_kept(gateway: str, parts: Parts, tmp_path: Path) -> None:
    file, bundle = tmp_path / "case.jsonl", made_up_trail().bundle()
    file.write_bytes(b"".join(bundle))
    assert "checkpoint 41 (checkpoint_missing)" in check(gateway, "--bundle", file).stderr
    cover = read_bundle(bundle).cover
    assert cover is not None
    parts["1.20.0"]["checkpoints"].append(members(cover.checkpoint))
    assert check(gateway, "--bundle", file).exit_code == 0


@pytest.mark.parametrize("arguments", [("--last", "7"), ("--key", "hunter2"), ("--bundle", "nowhere.jsonl")])
def test_what_cannot_be_read_ends_with_two(gateway: str, arguments: tuple[str, str]) -> None:
    assert check(gateway, *arguments).exit_code == 2
