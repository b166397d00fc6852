"""What stands in a stream against what its events make: which notifications differ, and what is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from notifier.domain.notification import SHOWN, Category, Notification
from shared.events import Lane

Content = Mapping[str, Any]
# All that is said in a notification, but for its event's id and its place.
FIELDS = (*SHOWN, "occurred_at")


class What(StrEnum):
    """How a stream may differ from what its events make."""

    MISSING = "missing"  # An event makes it, and it did not stand in the stream.
    UNFOUNDED = "unfounded"  # It stood in the stream, and no event makes it.
    DIFFERENT = "different"  # Both have it, and not alike.
    PLACES = "places"  # So many stand in another place.
    LAST_SEQ = "last_seq"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Difference:
    """It never says what a field holds, which may be an SMS code."""

    what: What
    event_id: UUID | None = None
    kind: str | None = None
    fields: tuple[str, ...] = ()
    before: int | None = None
    after: int | None = None


def content(said: Notification, occurred_at: datetime) -> dict[str, object]:
    """By the names of the table's columns, in the order of FIELDS."""
    values = {name: getattr(said, name) for name in SHOWN}
    return {**values, "lane": said.lane.value, "category": said.category.value, "occurred_at": occurred_at}


def notification(said: Content) -> Notification:
    """As it was before ``content``."""
    values = {name: said[name] for name in SHOWN}
    return Notification(**values | {"lane": Lane(said["lane"]), "category": Category(said["category"])})


def differences(stood: Mapping[UUID, Content], made: Mapping[UUID, Content]) -> Iterator[Difference]:
    """Both in the order of their places; what stood has its ``seq`` too."""
    moved = 0
    for seq, (id_, new) in enumerate(made.items(), start=1):
        old = stood.get(id_)
        if old is None:
            yield Difference(What.MISSING, id_, str(new["kind"]))
            continue
        moved += old["seq"] != seq
        fields = tuple(name for name, value in new.items() if old[name] != value)
        if fields:
            yield Difference(What.DIFFERENT, id_, str(new["kind"]), fields)
    for id_, old in stood.items():
        if id_ not in made:
            yield Difference(What.UNFOUNDED, id_, str(old["kind"]))
    if moved:
        yield Difference(What.PLACES, after=moved)


def read_up_to(seqs: Sequence[int | None], read_seq: int) -> int:
    """Where the mark of what is read comes to stand.

    ``seqs`` are the places that the notifications had, None for one that had none. Such a one beside the mark
    is taken to have stood where the gap is.
    """
    below = [place for place, seq in enumerate(seqs, start=1) if seq is not None and seq <= read_seq]
    last = below[-1] if below else 0
    stood_at = (seqs[last - 1] or 0) if last else 0
    gap = 0
    while last + gap < len(seqs) and seqs[last + gap] is None:
        gap += 1
    return last + min(gap, read_seq - stood_at)
