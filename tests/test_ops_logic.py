"""What the operator's page works out by itself: where points lie, and how far a notification has come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.messaging.topology import CONSUMERS
from shared.testing.node import node
from web import OPS

FRAME = {"left": 100, "right": 1000, "top": 0, "bottom": 400}


def run(module: str, call: str, *arguments: object) -> Any:
    """What one of a module's functions returns."""
    script = (
        f"const it = await import({json.dumps((OPS / module).as_uri())});"
        f"console.log(JSON.stringify(it.{call}(...{json.dumps(arguments)})))"
    )
    return json.loads(node("--input-type=module", "--eval", script, folder=OPS))


@pytest.mark.parametrize(
    ("ms", "y"), [(1, 400), (10, 300), (100, 200), (10_000, 0), (0.2, 400), (90_000, 0), (0, 400)]
)
def test_a_decade_is_as_high_as_the_next_and_nothing_leaves_the_frame(ms: float, y: float) -> None:
    assert run("scale.js", "up", ms, FRAME) == pytest.approx(y)


@pytest.mark.parametrize(
    ("ago", "span", "x"), [(0, 900, 1000), (900, 900, 100), (450, 900, 550), (2000, 900, 100), (30, 60, 550)]
)
def test_now_is_on_the_right_and_the_spans_beginning_on_the_left(ago: float, span: float, x: float) -> None:
    assert run("scale.js", "across", 5000 - ago, 5000, span, FRAME) == x


@pytest.mark.parametrize(
    ("known", "span"), [(0, 60), (60, 60), (61, 300), (300, 300), (301, 900), (900, 900), (5000, 900)]
)
def test_a_chart_spans_what_is_known_and_a_quarter_of_an_hour_at_most(known: float, span: float) -> None:
    assert run("scale.js", "spanSince", 9000 - known, 9000) == span


def test_a_line_breaks_where_nothing_came_and_a_point_alone_is_a_dot() -> None:
    points = [[99, 10], [1000, 10], [1002, 100], [1050, 1]]

    assert run("scale.js", "line", points, 1900, 900, FRAME) == (
        "M100.0 300.0h0L102.0 200.0M150.0 400.0h0"
    ), "the first is too old to be shown"


def test_letters_are_asked_for_of_all_who_may_have_any() -> None:
    assert run("dead_letters.js", "SERVICES.toSorted") == sorted(CONSUMERS)


def service(name: str, parked: int | None, dead: int | None = 0, *, parks: bool = True) -> dict[str, Any]:
    return {"service": name, "parks": parks, "parked": parked, "dead": dead}


@pytest.mark.parametrize(
    ("services", "figure", "is_at_least", "more", "sort"),
    [
        ([service("a", 0), service("g", None, None, parks=False)], 0, False, "none dead", "well"),
        ([service("a", 2), service("b", 1)], 3, False, "none dead", "alarm"),
        ([service("a", 0, 4), service("b", 0)], 0, False, "and 4 dead", "alarm"),
        ([service("a", 0), service("b", None)], None, False, "none dead; not known of b", ""),
        ([service("a", 2), service("b", None)], 2, True, "none dead; not known of b", "alarm"),
        ([service("a", 0), service("b", None, None)], None, False, "not known of b", ""),
        (
            [service("a", 1, 4), service("b", 0, None)],
            1,
            False,
            "and at least 4 dead; not known of b",
            "alarm",
        ),
        ([service("a", None, None), service("b", None, None)], None, False, "not known of a, b", ""),
    ],
)
def test_what_is_parked_is_well_only_where_that_is_known_of_every_service(
    services: list[dict[str, Any]], figure: int | None, is_at_least: bool, more: str, sort: str
) -> None:
    assert run("totals.js", "parkedInAll", services) == {
        "figure": figure,
        "isAtLeast": is_at_least,
        "more": more,
        "sort": sort,
    }


TRANSFER = "0192f0c4-aaaa-7bbb-8ccc-0123456789ab"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ada", [["user", "ada"], ["reference", "ada"]]),
        ("Order-77", [["user", "Order-77"], ["reference", "Order-77"]]),
        ("PAY-0123456789AB", [["reference", "PAY-0123456789AB"], ["user", "PAY-0123456789AB"]]),
        (
            "pay-0123456789ab",
            [
                ["reference", "PAY-0123456789AB"],
                ["reference", "pay-0123456789ab"],
                ["user", "pay-0123456789ab"],
            ],
        ),
        (TRANSFER, [["transfer", TRANSFER], ["reference", TRANSFER], ["user", TRANSFER]]),
        (
            TRANSFER.upper(),
            [
                ["transfer", TRANSFER],
                ["reference", TRANSFER],
                ["reference", TRANSFER.upper()],
                ["user", TRANSFER.upper()],
            ],
        ),
    ],
)
def test_what_is_typed_is_looked_up_as_all_that_it_may_be(typed: str, meant: list[list[str]]) -> None:
    assert run("meanings.js", "meanings", typed) == meant


def entry(what: str, **more: Any) -> dict[str, Any]:
    return {"user_id": "ada", "what": what, "at": "", "epoch": 1, "detail": {}, **more}


def pushed(tabs: int = 1, gateway: str = "g", **more: Any) -> dict[str, Any]:
    return entry("pushed", **{"seq": 5, "up_to": 5, **more}, detail={"gateway": gateway, "tabs": tabs})


def acknowledged(session: str, gateway: str = "g", **detail: int) -> dict[str, Any]:
    """Of a range around it; without ``sent_from`` all of it was sent."""
    said = {"session": session, "gateway": gateway, **detail}
    return entry("acknowledged", seq=1, up_to=9, detail=said)


STORED = entry("stored", seq=5, event_id="it")


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "stored, not pushed"),
        ([pushed(seq=4, up_to=4)], "stored, not pushed"),
        ([pushed(seq=1, up_to=9, epoch=2)], "stored, not pushed"),
        ([pushed(seq=1, up_to=9, user_id="bob")], "stored, not pushed"),
        ([pushed(seq=4, up_to=6)], "pushed, not acknowledged"),
        (
            [pushed(), entry("acknowledged", seq=1, up_to=4)],
            "pushed, not acknowledged",
        ),
        (
            [
                pushed(),
                entry("acknowledged", seq=1, up_to=5, detail={"session": "s", "gateway": "g"}),
                entry("acknowledged", seq=5, up_to=5, detail={"session": "s", "gateway": "g"}),
            ],
            "acknowledged by 1 session",
        ),
        (
            [
                entry("acknowledged", seq=2, up_to=7, detail={"session": "s", "gateway": "g"}),
                entry("acknowledged", seq=5, up_to=5, detail={"session": "t", "gateway": "g"}),
                entry("read", up_to=8),
            ],
            "acknowledged by 2 sessions, read",
        ),
        ([pushed(), entry("read", seq=5)], "pushed, not acknowledged, read"),
        ([entry("read", seq=6)], "stored, not pushed"),
        (
            [
                entry("rebuilt", epoch=2),
                pushed(epoch=2),
                entry("rebuilt", epoch=3),
                entry("acknowledged", seq=5, up_to=5, epoch=3, detail={"session": "s", "gateway": "g"}),
            ],
            "acknowledged by 1 session",
        ),
        (
            [
                entry("rebuilt", epoch=2),
                entry("rebuilt", epoch=2, seq=5, event_id="another"),
                entry("rebuilt", epoch=2, seq=4, event_id="it"),
                entry("acknowledged", seq=5, up_to=5, epoch=2, detail={"session": "s", "gateway": "g"}),
                entry("rebuilt", epoch=3),
                pushed(seq=4, up_to=4, epoch=3),
            ],
            "pushed, not acknowledged",
        ),
        (
            [
                entry("rebuilt", epoch=2),
                entry("rebuilt", epoch=2, event_id="it"),
                entry("acknowledged", seq=1, up_to=9, epoch=2, detail={"session": "s", "gateway": "g"}),
            ],
            "stored, not pushed",
        ),
        ([entry("rebuilt", epoch=1), entry("rebuilt", epoch=2, user_id="bob")], "stored, not pushed"),
        ([pushed(2), acknowledged("s"), acknowledged("t")], "acknowledged by 2 sessions"),
        ([pushed(2), acknowledged("s")], "acknowledged by 1 session; 1 tab pushed, not acknowledged"),
        (
            [pushed(2), acknowledged("s"), acknowledged("t", sent_from=6), acknowledged("u", sent_from=10)],
            "acknowledged by 1 session; 1 tab pushed, not acknowledged",
        ),
        (
            [pushed(2), acknowledged("s"), pushed(), acknowledged("t", sent_from=5)],
            "acknowledged by 2 sessions; 1 tab pushed, not acknowledged",
        ),
        (
            [
                pushed(2),
                pushed(2, "h"),
                *(acknowledged(session) for session in "stu"),
                entry("read", up_to=8),
            ],
            "acknowledged by 3 sessions, read; 2 tabs pushed, not acknowledged",
        ),
        (
            [pushed(), acknowledged("s", sent_from=6), acknowledged("t", sent_from=6)],
            "pushed, not acknowledged; in the list of 2 sessions",
        ),
        ([acknowledged("s", sent_from=6)], "stored, not pushed; in the list of 1 session"),
        (
            [
                pushed(),
                entry("rebuilt", epoch=2),
                entry("rebuilt", epoch=2, seq=4, event_id="it"),
                {**acknowledged("s", sent_from=4), "epoch": 2},
                {**acknowledged("t", sent_from=5), "epoch": 2},
            ],
            "acknowledged by 1 session",
        ),
    ],
)
def test_no_more_is_said_of_a_notification_than_is_known(others: list[dict[str, Any]], words: str) -> None:
    assert run("standing.js", "standing", STORED, [*reversed(others), STORED])["words"] == words


@pytest.mark.parametrize(
    ("others", "is_open"),
    [
        ([pushed(), acknowledged("s")], False),
        ([pushed(2), acknowledged("s")], True),
        ([pushed(2), acknowledged("s"), entry("read", seq=5)], False),
        ([pushed(), acknowledged("s", sent_from=6)], True),
        ([acknowledged("s", sent_from=6)], True),
        ([], True),
    ],
)
def test_it_is_well_where_no_tab_is_silent_or_its_user_has_read_it(
    others: list[dict[str, Any]], is_open: bool
) -> None:
    assert run("standing.js", "standing", STORED, [*reversed(others), STORED])["isOpen"] == is_open


SUPPRESSED = entry("suppressed", epoch=None, event_id="other")
MADE = entry("rebuilt", epoch=2, seq=6, event_id="other")


@pytest.mark.parametrize(
    ("entries", "begun"),
    [
        ([STORED, SUPPRESSED, entry("rebuilt", epoch=2), MADE], [STORED, MADE]),
        ([SUPPRESSED, MADE, {**MADE, "epoch": 3, "seq": 5}], [MADE]),
        ([STORED, {**MADE, "event_id": "it"}], [STORED]),
        ([SUPPRESSED, {**MADE, "seq": None}, MADE], [MADE]),
        ([MADE], []),  # Of one that was stored it may be: what came before is not loaded.
    ],
)
def test_a_badge_is_of_what_was_stored_or_made_by_a_rebuild(
    entries: list[dict[str, Any]], begun: list[dict[str, Any]]
) -> None:
    assert run("standing.js", "beginnings", entries[::-1]) == begun
    for each in begun:
        assert run("standing.js", "standing", each, entries[::-1])["words"] == "stored, not pushed"
