"""What differs between a stream and its events, and where the mark of what is read comes to stand."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from notifier.domain.comparison import FIELDS, Difference, What, content, differences, read_up_to
from notifier.domain.notification import Category, Notification
from shared.events import Lane

AT = datetime(2026, 3, 14, 15, 9, 26, 535897, UTC)
SAID = content(
    Notification(
        kind="credit.added",
        lane=Lane.HIGH,
        category=Category.MONEY_IN,
        icon="💰",
        title="Credits Added",
        body="$5.00 added",
        link="/history",
        toast=True,
    ),
    AT,
)


def test_all_that_is_said_is_compared_by_plain_values() -> None:
    assert tuple(SAID) == FIELDS
    assert type(SAID["lane"]) is type(SAID["category"]) is str
    assert SAID["occurred_at"] == AT


def stood(*ids: UUID) -> dict[UUID, dict[str, object]]:
    return {id_: {**SAID, "seq": seq} for seq, id_ in enumerate(ids, start=1)}


def test_a_stream_that_is_as_its_events_make_it_has_no_difference() -> None:
    one, two = uuid4(), uuid4()

    assert list(differences(stood(one, two), {one: SAID, two: SAID})) == []


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_that_is_not_alike_is_named(field: str) -> None:
    id_ = uuid4()
    before = stood(id_)
    before[id_][field] = "something else"

    assert list(differences(before, {id_: SAID})) == [
        Difference(What.DIFFERENT, id_, "credit.added", (field,))
    ]


def test_what_lacks_and_what_is_too_much_is_named() -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    before = stood(one, two, three)
    del before[two]
    unfounded = uuid4()
    before[unfounded] = {**SAID, "seq": 4}

    assert list(differences(before, dict.fromkeys((one, two, three), SAID))) == [
        Difference(What.MISSING, two, "credit.added"),
        Difference(What.UNFOUNDED, unfounded, "credit.added"),
    ]


def test_places_that_moved_are_counted() -> None:
    one, two, three = uuid4(), uuid4(), uuid4()

    assert list(differences(stood(two, one, three), dict.fromkeys((one, two, three), SAID))) == [
        Difference(What.PLACES, after=2)
    ]


@pytest.mark.parametrize(
    ("seqs", "read_seq", "expected"),
    [
        ([], 0, 0),
        ([1, 2, 3], 0, 0),
        ([1, 2, 3], 2, 2),
        ([1, 2, 3], 3, 3),
        ([2, 3], 2, 1),  # The first has no event.
        ([None, 2, 3], 0, 0),  # The first was lost.
        ([None, 2, 3], 1, 1),
        ([1, None, 3], 2, 2),
        ([1, None, 3], 1, 1),
        ([1, None, None, 4], 2, 2),
        ([1, 2, None], 3, 3),
        ([None, None], 2, 2),
        ([1, None, 2, 3], 2, 3),  # One that was not shown before is now.
    ],
)
def test_the_mark_stays_where_it_was_among_the_notifications(
    seqs: list[int | None], read_seq: int, expected: int
) -> None:
    assert read_up_to(seqs, read_seq) == expected
