"""Evidence on the command line: fetched whole or not at all, and checked with a file and a key alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner, Result

from ledgerbell.evidence import page_of
from ledgerbell.main import app
from shared.testing.evidence import KEY, TRANSFER, made_up_trail
from shared.trail import fingerprint, public_text, read_bundle

TRAIL = made_up_trail()
BUNDLE = TRAIL.bundle()
PUBLIC = public_text(KEY.public_key())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

NESTED = b'{"entry":' + b"[" * 990 + b"]" * 990 + b',"hash":""}\n'


def audit(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], env=environment, catch_exceptions=False)


def written(folder: Path, lines: list[bytes] = BUNDLE) -> Path:
    file = folder / "evidence.jsonl"
    file.write_bytes(b"".join(lines))
    return file


# Checking ---------------------------------------------------------------------------------------------------


def test_good_evidence_is_summed_up(tmp_path: Path) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_text(PEM)
    for key in (PUBLIC, PEM, str(key_file)):
        checked = audit("verify", written(tmp_path), "--key", key)
        assert checked.exit_code == 0, checked.output
    assert checked.stdout.splitlines() == [
        f"ledgerbell: good: transfer {TRANSFER} of user alice, as exported at 2026-03-15T09:26:53.589793Z",
        "ledgerbell: 56 entries sealed, 6 of them about the transfer, under checkpoint 41 of"
        " 2026-03-14T10:26:53.589793Z",
        "ledgerbell: 2 entries not sealed yet: only the export itself is signed for these",
        f"ledgerbell: signed with key {fingerprint(KEY.public_key())}",
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (BUNDLE[:4] + BUNDLE[5:], "entry 4 was dropped: it should stand on line 5"),
        ([*BUNDLE[:3], BUNDLE[4], BUNDLE[3], *BUNDLE[5:]], "entry 3 was moved"),
        ([*BUNDLE[:3], BUNDLE[3].replace(b"a", b"b", 1), *BUNDLE[4:]], "entry 3"),
        (
            [*BUNDLE[:3], NESTED, *BUNDLE[4:]],
            "line 4 (entry 3) cannot be read: it is nested more than 16 deep",
        ),
        (BUNDLE[:-1], "the file stops after line 60"),
        ([], "the header is missing"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_summed_up(
    tmp_path: Path, lines: list[bytes], said: str
) -> None:
    checked = audit("verify", written(tmp_path, lines), "--key", PUBLIC)
    assert checked.exit_code == 1
    assert checked.stderr.startswith("ledgerbell: not good: ")
    assert said in checked.stderr
    assert checked.stdout == ""


def test_what_cannot_be_read_ends_with_two(tmp_path: Path) -> None:
    file = written(tmp_path)
    missing = audit("verify", tmp_path / "nothing", "--key", PUBLIC)
    no_key = audit("verify", file, "--key", "hunter2")
    folder = audit("verify", tmp_path, "--key", PUBLIC)
    assert [each.exit_code for each in (missing, no_key, folder)] == [2, 2, 2]
    assert "No such file" in missing.stderr
    assert no_key.stderr == "ledgerbell: the public key is neither PEM nor 32 bytes in base64\n"


def test_the_public_key_of_a_private_one_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "trail_key"
    file.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shown = audit("key", file)
    assert (shown.exit_code, shown.stdout) == (0, f"{PUBLIC}\n")
    file.write_text(PEM)
    refused = audit("key", file)
    assert refused.exit_code == 1
    assert "that is a public key; the private one is needed" in refused.stderr


# Exporting --------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """What a line to the gateway yields, whole or not, and what was asked on it."""

    url: str
    status: int = 200
    answer: bytes = b"".join(BUNDLE)
    asked: tuple[str, str | None] = ("", None)


@pytest.fixture
def line() -> Iterator[Line]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked = (self.path, self.headers["authorization"])
            self.send_response(found.status)
            self.send_header("content-length", str(len(found.answer)))
            self.end_headers()
            self.wfile.write(found.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Line(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def export(line: Line, out: Path, user: str = "alice", transfer: UUID = TRANSFER) -> Result:
    return audit(
        "export",
        "--user",
        user,
        "--transfer",
        str(transfer),
        "--out",
        out,
        LEDGERBELL_GATEWAY_URL=line.url,
        LEDGERBELL_OPERATOR_TOKEN="a-token",
    )


def test_an_export_writes_what_was_answered_and_a_page_beside_it(line: Line, tmp_path: Path) -> None:
    exported = export(line, tmp_path / "case.jsonl")
    assert exported.exit_code == 0, exported.output
    assert line.asked == (f"/v1/evidence?user=alice&transfer={TRANSFER}", "Bearer a-token")
    assert (tmp_path / "case.jsonl").read_bytes() == b"".join(BUNDLE)
    assert (tmp_path / "case.html").read_text() == page_of(read_bundle(BUNDLE), "case.jsonl")
    assert audit("verify", tmp_path / "case.jsonl", "--key", PUBLIC).exit_code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": b"".join(BUNDLE)[:-40]}, "what was answered is no evidence: line 61: it is cut off"),
        ({"answer": b"".join(BUNDLE[:-1])}, "it has no header, or no end"),
        ({"answer": b"".join(made_up_trail("bob").bundle())}, "evidence of something else"),
        (
            {"status": 404, "answer": b'{"code":"unknown_transfer","detail":"There is none.","ref":"R"}'},
            "There is none. (unknown_transfer, ref R)",
        ),
        ({"status": 502, "answer": b"<html>"}, "the gateway answered 502"),
    ],
)
def test_what_is_not_the_whole_answer_is_not_kept(
    line: Line, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    line.__dict__.update(change)
    exported = export(line, tmp_path / "case.jsonl")
    assert exported.exit_code == 1
    assert said in exported.stderr
    assert list(tmp_path.iterdir()) == []
