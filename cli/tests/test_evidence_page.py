"""The page beside a bundle: what a person reads is what the entries say, whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from ledgerbell.evidence import page_of
from shared.testing.evidence import GATEWAYS, KEY, SESSIONS, TRANSFER, Trail, made_up_trail
from shared.trail import Broken, BundleWriter, Entry, fingerprint, read_bundle, verify

TRAIL = made_up_trail()
BUNDLE = TRAIL.bundle()

# Whatever a hostile name could hold: markup, an end to what it stands in, another direction.
HOSTILE = '</title></style><script>alert(1)</script>"><img src=x onerror=alert(1)>&amp;\u202e'


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


def test_what_is_acknowledged_after_rebuilds_is_told_of_the_notification_it_was() -> None:
    stored, suppressed, *_ = [entry for entry in TRAIL.entries if entry.transfer_id == TRANSFER]
    trail = through_rebuilds(stored)
    assert verify(trail.bundle(), KEY.public_key()).good
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
