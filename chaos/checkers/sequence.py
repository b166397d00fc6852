"""I5: a user's notifications are numbered 1, 2, 3 … without a hole, and counted right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from chaos.final import Final, Notification, Stream
from chaos.finding import Finding, Kind
from chaos.history import Record


def check(_: Sequence[Record], final: Final) -> Iterator[Finding]:
    streams = {stream.user: stream for stream in final.streams}
    theirs: dict[str, list[Notification]] = {user: [] for user in streams}
    for notification in final.notifications:
        theirs.setdefault(notification.user, []).append(notification)
    for user, notifications in theirs.items():
        places = Counter(notification.seq for notification in notifications)
        newest = max(places, default=0)
        for seq in range(1, newest):
            if seq not in places:
                yield Finding("I5", Kind.LOST, f"there is no {seq}, and there is a {newest}", user)
        for seq, times in places.items():
            if times > 1:
                yield Finding("I5", Kind.DOUBLED, f"{times} have the place {seq}", user, count=times - 1)
        yield from _counts(user, streams.get(user), newest, sum(not each.read for each in notifications))


def _counts(user: str, stream: Stream | None, newest: int, unread: int) -> Iterator[Finding]:
    said = (0, 0) if stream is None else (stream.last_seq, stream.unread)
    if said != (newest, unread):
        words = f"last and unread are {(newest, unread)}, and the stream says {said}"
        yield Finding("I5", Kind.LOST, words, user)
