"""Evidence on the command line: fetched whole or not at all, and checked with a file and a key alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner, Result

from ledgerbell.evidence import page_of
from ledgerbell.main import app
from shared.testing.evidence import GATEWAYS, KEY, SESSIONS, TRANSFER, Trail, made_up_trail
from shared.trail import Broken, BundleWriter, Entry, fingerprint, public_text, read_bundle

TRAIL = made_up_trail()
BUNDLE = TRAIL.bundle()
PUBLIC = public_text(KEY.public_key())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

NESTED = b'{"entry":' + b"[" * 990 + b"]" * 990 + b',"hash":""}\n'

# Whatever a hostile name could hold: markup, an end to what it stands in, another direction.
HOSTILE = '</title></style><script>alert(1)</script>"><img src=x onerror=alert(1)>&amp;\u202e'


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


# The page ---------------------------------------------------------------------------------------------------


def page(trail: Trail, file_name: str = "case.jsonl") -> str:
    return page_of(read_bundle(trail.bundle()), file_name)


def rows(html: str) -> list[str]:
    """The text of each row of the tables."""
    found = re.findall("<tr>(.*?)</tr>", html, re.DOTALL)
    return [" ".join(re.sub("<.*?>", " ", each).split()) for each in found]


def test_two_sessions_are_two_rows_and_a_silent_tab_is_a_third() -> None:
    shown = rows(page(TRAIL))
    assert shown[1:5] == [
        f"Session {SESSIONS[0]} {GATEWAYS[0]} acknowledged 2026-03-14 09:26:54.973 UTC",
        f"Session {SESSIONS[1]} {GATEWAYS[0]} acknowledged 2026-03-14 09:26:55.022 UTC",
        f"Session {SESSIONS[2]} {GATEWAYS[1]} acknowledged 2026-03-14 09:26:56.377 UTC",
        f"1 tab {GATEWAYS[0]} pushed, not acknowledged 2026-03-14 09:26:54.915 UTC",
    ]


def without(*whats: str) -> Trail:
    entries = [entry for entry in TRAIL.entries[: TRAIL.sealed] if entry.what not in whats]
    return Trail([replace(entry, place=place) for place, entry in enumerate(entries, 1)], len(entries))


@pytest.mark.parametrize(
    ("trail", "state"),
    [
        (TRAIL, "acknowledged by 3 sessions; 1 tab pushed, not acknowledged"),
        (without("acknowledged"), "pushed, not acknowledged"),
        (without("acknowledged", "pushed"), "stored, not pushed"),
    ],
)
def test_the_state_is_what_is_known_and_no_more(trail: Trail, state: str) -> None:
    html = page(trail)
    assert re.findall('<p class="state [a-z]+">(.*?)</p>', html) == [state]
    assert "delivered" not in html.lower()


def test_a_read_in_a_later_epoch_is_known_by_its_event() -> None:
    stored, *_ = [entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER]
    read = Entry("alice", 2, "read", stored.at, event_id=stored.event_id, epoch=2, seq=3)
    html = page(Trail([replace(stored, place=1), read], 2))
    assert "<dt>Read</dt><dd><time" in html
    assert "not marked as read" in page(Trail([replace(stored, place=1), replace(read, event_id=None)], 2))


def through_rebuilds(first: Entry) -> Trail:
    """It stands as 26, as 26, as 25 and again as 25; each is acknowledged, and 26 in the last of them."""
    rebuilt = Entry(first.user_id, None, "rebuilt", first.at, epoch=2, detail={"by": "olga"})
    moved = replace(first, what="rebuilt", epoch=3, seq=25)
    said = replace(rebuilt, what="acknowledged", seq=26, up_to=26)
    entries = [
        first,
        rebuilt,
        replace(said, detail={"session": SESSIONS[0]}),
        replace(rebuilt, epoch=3),
        moved,
        replace(rebuilt, epoch=4),
        replace(said, epoch=4, seq=25, up_to=25, detail={"session": SESSIONS[1]}),
        replace(said, epoch=4, detail={"session": SESSIONS[2]}),
    ]
    return Trail([replace(each, place=place) for place, each in enumerate(entries, 1)], len(entries))


def test_what_is_acknowledged_after_rebuilds_is_told_of_the_notification_it_was(tmp_path: Path) -> None:
    stored, suppressed, *_ = [entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER]
    trail = through_rebuilds(stored)
    assert audit("verify", written(tmp_path, trail.bundle()), "--key", PUBLIC).exit_code == 0
    html = page(trail)
    assert re.findall('<p class="state [a-z]+">(.*?)</p>', html) == ["acknowledged by 2 sessions"]
    assert SESSIONS[2] not in html
    assert "</bdi> became number 25 of them" in html
    made = page(through_rebuilds(suppressed))
    assert re.findall('<p class="state [a-z]+">(.*?)</p>', made) == ["acknowledged by 1 session"]
    assert "was not shown" in made
    assert ("<dt>Stored</dt>" in html, "<dt>Stored</dt>" in made) == (True, False)
    assert re.search("<dt>Shown since a rebuild</dt><dd><time .*</time>, as number 25 of", made)
    gone = replace(stored, what="rebuilt", epoch=3, seq=None, place=9)
    assert "</bdi> is not among them any more" in page(Trail([*trail.entries, gone], 9))


def test_what_a_rebuild_makes_say_something_else_is_told_beside_what_was_shown_before() -> None:
    stored = next(entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER)
    said = replace(stored, what="acknowledged", event_id=None, up_to=26, detail={"session": SESSIONS[0]})
    other = {**stored.detail, "title": "A refund", "amount_minor": 1_00, "changed": "title, amount_minor"}
    changed = replace(stored, what="rebuilt", epoch=2, detail=other)
    entries = [stored, said, Entry(stored.user_id, None, "rebuilt", stored.at, epoch=2), changed]
    html = page(Trail([replace(each, place=place) for place, each in enumerate(entries, 1)], 4))

    assert "<bdi>A refund</bdi> was changed (<bdi>title, amount_minor</bdi>) and is number 26 of them" in html
    assert "became number" not in html
    article = html.split("</article>")[0]
    assert f"<h3><bdi>{stored.detail['title']}</bdi></h3>" in article
    assert re.findall('<p class="state [a-z]+">(.*?)</p>', article) == ["acknowledged by 1 session"]
    assert re.search(
        "<dt>Changed</dt><dd><time .*</time> by a rebuild, to: <bdi>A refund</bdi>,"
        " <strong><bdi>\\$1.00</bdi></strong> to the user. Before that, what stands above was shown",
        article,
    )


@pytest.mark.parametrize(
    ("detail", "said"), [({"type": "x.v1"}, "<code><bdi>x.v1</bdi></code>"), ({}, "unknown")]
)
def test_what_was_parked_without_a_type_is_of_an_unknown_one(detail: dict[str, str], said: str) -> None:
    stored = next(entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER)
    parked = replace(stored, place=1, what="parked", epoch=None, seq=None, detail={**detail, "reason": "Why"})
    assert f"<td>{said} cannot be shown: <bdi>Why</bdi></td>" in page(Trail([parked], 1))


def test_what_was_discarded_reads_the_same_whichever_service_did_so() -> None:
    stored = next(entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER)
    own = {"type": "payment.succeeded.v1", "by": "olga", "reason": "Booked by hand"}
    told = {
        "type": "letter.discarded.v1",
        "reason": "Discarded at credit by olga: Booked by hand",
        "discarded": "payment.succeeded.v1",
        "service": "credit",
        "by": "olga",
        "why": "Booked by hand",
    }
    here = replace(stored, place=1, what="discarded", epoch=None, seq=None, detail=own)
    there = replace(here, place=2, what="suppressed", detail=told)
    html = page(Trail([here, there], 2))
    said = "<code><bdi>payment.succeeded.v1</bdi></code> at <bdi>{}</bdi> by <bdi>olga</bdi>"
    for service in ("notifier", "credit"):
        assert f"<td>Discarded</td><td>{said.format(service)}: <bdi>Booked by hand</bdi></td>" in html
    assert "not shown" not in html


def test_a_notification_has_nothing_of_the_epochs_before_it() -> None:
    stored = next(entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER)
    *before, last = through_rebuilds(stored).entries
    later = replace(stored, event_id=UUID(int=5), epoch=4, place=8)
    html = page(Trail([*before, later, replace(last, place=9)], 9))
    assert [session in html.split("</article>")[1] for session in SESSIONS] == [False, False, True]


def test_the_page_says_what_moved_and_how_it_is_checked() -> None:
    html, bundle = page(TRAIL), read_bundle(BUNDLE)
    assert bundle.cover is not None
    for said in (
        "Paid $12.50 to Corner Café",
        "<strong><bdi>$12.50</bdi></strong> from the user",
        "PAY-7F3K9Q2M4C1X",
        "as number 26 of the user’s notifications",
        "was not shown: <bdi>told by another event</bdi>",
        "By the user, all up to number 46",
        "50 of 56 sealed entries tell of something else",
        "ledgerbell audit verify <bdi>case.jsonl</bdi> --key PUBLICKEY",
        bundle.head.hex(),
        "number 41, ",
        bundle.cover.checkpoint.root.hex(),
        fingerprint(KEY.public_key()),
    ):
        assert said in html


def test_the_page_says_that_the_trail_was_found_changed() -> None:
    writer = BundleWriter("alice", TRANSFER, "2026-03-01T12:00:00.000000Z", KEY)
    lines = [writer.header(), writer.broken(Broken("checkpoint", 2)), writer.end()]

    assert "The trail was found changed" in page_of(read_bundle(lines), "case.jsonl")
    assert "The trail was found changed" not in page(TRAIL)


def hostile(member: str) -> Trail:
    entries = [replace(each, detail={**each.detail, member: HOSTILE}) for each in TRAIL.entries]
    return Trail(entries, TRAIL.sealed)


MEMBERS = (
    "title",
    "type",
    "reason",
    "reference",
    "session",
    "gateway",
    "currency",
    "occurred_at",
    "pushed_at",
)


@pytest.mark.parametrize(
    "make",
    [
        lambda: page(made_up_trail(user_id=HOSTILE)),
        lambda: page(made_up_trail(title=HOSTILE)),
        lambda: page(TRAIL, HOSTILE),
        *(lambda member=member: page(hostile(member)) for member in MEMBERS),
    ],
)
def test_hostile_text_stays_text(make: Callable[[], str]) -> None:
    html = make()
    assert "&lt;script&gt;alert(1)" in html
    assert "&amp;amp;" in html
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("</style>") == html.count("</title>") == 1
    assert "\u202e" not in html
    assert tags(html) == tags(page(TRAIL))


def tags(html: str) -> set[str]:
    return set(re.findall("<([a-z0-9]+)", html))


@pytest.mark.parametrize("detail", [{"amount_minor": 1250}, {"amount_minor": True, "currency": 5}, {}])
def test_a_detail_that_lacks_what_others_have_is_shown_without(detail: dict[str, str | int]) -> None:
    entries = [replace(each, detail=detail) for each in TRAIL.entries]
    html = page(Trail(entries, TRAIL.sealed))
    assert "Without a title" in html
    assert "<dt>Moved</dt>" not in html
