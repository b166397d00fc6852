"""What is made of receipts: who has said something never hides a tab that said nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ledgerbell.evidence import page_of
from ledgerbell.evidence.story import Told, notifications
from shared.testing.evidence import GATEWAYS, SESSIONS, TRANSFER, Trail, made_up_trail
from shared.trail import Bundle, Entry, read_bundle

STORED = replace(
    next(each for each in made_up_trail().entries if each.transfer_id == TRANSFER),
    at="2026-03-14T09:26:53.589793Z",
)
N = STORED.seq or 0
HERE, THERE = GATEWAYS
A, B, C = SESSIONS


def pushed(tabs: int, gateway: str = HERE) -> Entry:
    return _receipt("pushed", N, N, {"tabs": tabs, "gateway": gateway})


def acknowledged(session: str, *, sent_from: int = 0, gateway: str = HERE, epoch: int = 1) -> Entry:
    """Of a range around it, as the notifier writes it; without ``sent_from`` all of it was sent."""
    detail: dict[str, str | int] = {"session": session, "gateway": gateway}
    if sent_from:
        detail["sent_from"] = sent_from
    return replace(_receipt("acknowledged", N - 5, N + 5, detail), epoch=epoch)


def _receipt(what: str, seq: int, up_to: int, detail: dict[str, str | int]) -> Entry:
    return Entry("alice", None, what, STORED.at, epoch=1, seq=seq, up_to=up_to, detail=detail)  # type: ignore[arg-type]  # One of two.


def bundle_of(*receipts: Entry) -> Bundle:
    entries = [replace(each, place=place) for place, each in enumerate((STORED, *receipts), 1)]
    return read_bundle(Trail(entries, len(entries)).bundle())


def told(*receipts: Entry) -> Told:
    [one] = notifications(bundle_of(*receipts))
    return one


@pytest.mark.parametrize(
    ("receipts", "state"),
    [
        ([], "stored, not pushed"),
        ([pushed(2), acknowledged(A), acknowledged(B)], "acknowledged by 2 sessions"),
        ([pushed(2), acknowledged(A)], "acknowledged by 1 session; 1 tab pushed, not acknowledged"),
        ([pushed(3), acknowledged(A)], "acknowledged by 1 session; 2 tabs pushed, not acknowledged"),
        # Whoever comes back, or opens the page later, says it again.
        (
            [pushed(2), acknowledged(A), acknowledged(B, sent_from=N + 1), acknowledged(C, sent_from=N + 9)],
            "acknowledged by 1 session; 1 tab pushed, not acknowledged",
        ),
        # Whoever was away is replayed it.
        (
            [pushed(2), acknowledged(A), pushed(1), acknowledged(B, sent_from=N)],
            "acknowledged by 2 sessions; 1 tab pushed, not acknowledged",
        ),
        (
            [pushed(1), pushed(1), acknowledged(A)],
            "acknowledged by 1 session; 1 tab pushed, not acknowledged",
        ),
        ([pushed(1), pushed(1), acknowledged(A), acknowledged(B)], "acknowledged by 2 sessions"),
        # A session of one gateway answers for no tab of another, however many they are.
        (
            [pushed(1), pushed(1, THERE), acknowledged(A), acknowledged(B)],
            "acknowledged by 2 sessions; 1 tab pushed, not acknowledged",
        ),
        ([pushed(1), acknowledged(A, sent_from=N + 1)], "pushed, not acknowledged; in the list of 1 session"),
        (
            [acknowledged(A, sent_from=N + 1), acknowledged(B, sent_from=N + 1)],
            "stored, not pushed; in the list of 2 sessions",
        ),
        (
            [acknowledged(A)],
            "acknowledged by 1 session",
        ),  # The push may be what a killed gateway took with it.
    ],
)
def test_only_who_was_sent_it_acknowledges_it(receipts: list[Entry], state: str) -> None:
    assert told(*receipts).state() == state


@pytest.mark.parametrize(
    ("sent_from", "is_sent"), [(N - 5, True), (N, True), (N + 1, False), (N + 99, False)]
)
def test_a_range_is_of_what_was_sent_and_of_what_was_there_before(sent_from: int, is_sent: bool) -> None:
    one = told(acknowledged(A, sent_from=sent_from))
    assert (len(one.acknowledged), len(one.listed)) == (int(is_sent), int(not is_sent))


def test_where_a_session_began_is_a_number_of_its_epoch() -> None:
    rebuilt = Entry("alice", None, "rebuilt", STORED.at, epoch=2, detail={"by": "olga"})
    moved = replace(STORED, what="rebuilt", epoch=2, seq=N - 1)
    one = told(
        rebuilt,
        moved,
        acknowledged(A, sent_from=N - 1, epoch=2),
        acknowledged(B, sent_from=N, epoch=2),
    )
    assert [each.session for each in one.acknowledged] == [A]
    assert [each.session for each in one.listed] == [B]


def test_the_page_names_who_had_it_in_a_list_apart_from_who_was_sent_it() -> None:
    receipts = [
        pushed(2),
        acknowledged(A),
        acknowledged(B, sent_from=N + 1),
        acknowledged(C, sent_from=N + 9),
    ]
    html = page_of(bundle_of(*receipts), "case.jsonl")

    [(kind, state)] = re.findall('<p class="state ([a-z]+)">(.*?)</p>', html)
    assert (kind, state) == ("open", "acknowledged by 1 session; 1 tab pushed, not acknowledged")
    rows = [
        " ".join(re.sub("<.*?>", " ", row).split()) for row in re.findall("<tr>(.*?)</tr>", html, re.DOTALL)
    ]
    at = "2026-03-14 09:26:53.589 UTC"
    assert rows[1:5] == [
        f"Session {A} {HERE} acknowledged {at}",
        f"1 tab {HERE} pushed, not acknowledged {at}",
        f"Session {B} {HERE} in its list {at}",
        f"Session {C} {HERE} in its list {at}",
    ]
    whole = f"of gateway process {HERE} , numbers {N - 5} to {N + 5}"
    assert [row.partition("Session")[2].partition(" ")[2].partition(" ")[2] for row in rows[8:]] == [
        whole,
        f"{whole}: in its list, and sent to it from number {N + 1} on",
        f"{whole}: in its list, not sent to it",
    ]


def test_it_is_good_news_only_where_no_tab_is_silent() -> None:
    for receipts, kind in (
        ([pushed(1), acknowledged(A)], "good"),
        ([pushed(2), acknowledged(A)], "open"),
        ([acknowledged(A, sent_from=N + 1)], "open"),
    ):
        html = page_of(bundle_of(*receipts), "case.jsonl")
        assert re.findall('<p class="state ([a-z]+)">', html) == [kind]


def test_what_acknowledged_means_is_said_and_no_more() -> None:
    html = page_of(bundle_of(pushed(1)), "case.jsonl")
    assert "as a toast, in the list, or counted on the bell. Not that a person looked." in html
    assert "it was shown" not in html
