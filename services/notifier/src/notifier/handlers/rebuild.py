"""Makes a stream anew of the events it came from, in a new epoch, and says what was not as they make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from notifier.adapters import coverage, kept, rebuilt, streams, wire
from notifier.adapters.push import Push
from notifier.adapters.rebuilt import Anew
from notifier.adapters.streams import Head
from notifier.domain.comparison import Content, Difference, What, content, differences, read_up_to
from notifier.domain.dispatcher import NotificationDispatcher
from notifier.domain.incoming import receive
from notifier.domain.transfers import transfer_of
from shared.db import Database
from shared.events import InvalidEvent, UnknownEvent
from shared.events.coverage import StatedTransfer
from shared.money import UnknownCurrency
from shared.observability.logs import get_logger

if TYPE_CHECKING:
    from shared.db import Transaction

log = get_logger(__name__)

# So many events are read and dispatched at a time: the lanes have their turn between two.
AT_ONCE = 500
LOGGED = 100  # Differences, in the line of the log.
# What a transfer is known by in a notification: where one of these changes, it may be shown no more.
SHOWS = ("kind", "transfer_id", "amount_minor", "currency")


class UnknownStream(Exception):
    """Nothing was ever stored for this user."""


class NotReplayable(Exception):
    """An event was not kept, or can be read no more. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A stream as its events make it. ``head`` is how it stood; None in ``said``: the event is not shown.

    ``anew`` are those that the trail has to be told of: their number is not what it says, by which receipts
    are told apart, or what they say has changed. ``loose`` are the transfers that the stream as it stood has
    shown, and may show no more.
    """

    head: Head
    said: Mapping[UUID, Content | None]
    made: Mapping[UUID, Content]
    anew: list[Anew]
    loose: list[StatedTransfer]
    times: list[tuple[datetime | None, datetime | None]]
    read_seq: int
    unread: int
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A stream as it is, or would be, after it was rebuilt, and what was different before."""

    head: Head
    differences: list[Difference]


class Rebuilder:
    """Of any user's stream."""

    def __init__(self, db: Database, dispatcher: NotificationDispatcher, push: Push) -> None:
        self._db = db
        self._dispatcher = dispatcher
        self._push = push

    async def compare(self, user_id: str) -> Comparison:
        """What a rebuild would change; nothing is changed. Raises UnknownStream, NotReplayable."""
        plan = await self._look(user_id)
        return Comparison(plan.head, plan.differences)

    async def rebuild(self, user_id: str, by: str) -> Comparison:
        """Each read mark stays with its event. Connected tabs are sent to load afresh.

        Raises UnknownStream, NotReplayable.
        """
        # Most of the work is done before the stream is locked, as whoever stores for its user waits then.
        ahead = await self._look(user_id)
        async with self._db.transaction() as tx:
            head = await streams.lock(tx, user_id)
            if head is None:
                raise UnknownStream
            plan = ahead if head == ahead.head else await self._plan(tx, head, ahead.said)
            epoch = await rebuilt.begin_epoch(tx, user_id, by, len(plan.made))
            await rebuilt.tell(tx, user_id, epoch, plan.anew)
            await rebuilt.fill(tx, user_id, plan.made, plan.times)
            await coverage.check(tx, plan.loose)
            head = await rebuilt.count(
                tx, user_id, last_seq=len(plan.made), unread=plan.unread, read_seq=plan.read_seq
            )
        log.warning(
            "stream.rebuilt",
            user_id=user_id,
            epoch=head.cursor.epoch,
            notifications=head.cursor.seq,
            differences=len(plan.differences),
            first=[_named(each) for each in plan.differences[:LOGGED]],
            by=by,
        )
        self._push.publish([wire.stream_head(head)])
        return Comparison(head, plan.differences)

    async def _look(self, user_id: str) -> Plan:
        async with self._db.transaction() as tx:
            # All of one moment, without holding anybody up.
            await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            head = (await streams.heads(tx, [user_id]))[user_id]
            if head.rev == 0:
                raise UnknownStream
            return await self._plan(tx, head, {})

    async def _plan(self, tx: Transaction, head: Head, said: Mapping[UUID, Content | None]) -> Plan:
        """``said`` is what is known already of some of the events."""
        order = await kept.order(tx, head.user_id)
        said = {**said, **await self._dispatch(tx, [id_ for id_ in order if id_ not in said])}
        made = {id_: shown for id_ in order if (shown := said[id_]) is not None}
        seqs = {id_: seq for seq, id_ in enumerate(made, start=1)}
        stood = await rebuilt.stood(tx, head.user_id)
        found = list(differences(stood, made))
        changed = {
            each.event_id: each.fields
            for each in found
            if each.event_id is not None and each.what in (What.MISSING, What.DIFFERENT)
        }
        anew = {id_: seq for id_, was in order.items() if (seq := seqs.get(id_)) != was or id_ in changed}
        loose = [id_ for id_, old in stood.items() if id_ in said and not _shows(old, made.get(id_))]
        read_seq = read_up_to([stood[id_]["seq"] if id_ in stood else None for id_ in made], head.read_seq)
        times = [_times(stood.get(id_)) for id_ in made]
        unread = sum(read_at is None for _, read_at in times[read_seq:])
        return Plan(
            head=head,
            said=said,
            made=made,
            anew=await rebuilt.anew(tx, head.user_id, anew, made, changed) if anew else [],
            loose=await _transfers(tx, loose),
            times=times,
            read_seq=read_seq,
            unread=unread,
            differences=[*found, *_counts(head, len(made), unread)],
        )

    async def _dispatch(self, tx: Transaction, ids: list[UUID]) -> dict[UUID, Content | None]:
        said: dict[UUID, Content | None] = {}
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            events = await kept.read(tx, some)
            for id_ in some:
                if id_ not in events:
                    raise NotReplayable(f"Event {id_} was not kept; nothing was changed.")
                try:
                    incoming = receive(events[id_], self._dispatcher)
                except (InvalidEvent, UnknownEvent, UnknownCurrency):
                    raise NotReplayable(f"Event {id_} cannot be read now; nothing was changed.") from None
                shown = incoming.notification
                said[id_] = None if shown is None else content(shown, incoming.envelope.time)
        return said


async def _transfers(tx: Transaction, ids: list[UUID]) -> list[StatedTransfer]:
    """What the ledger says of transfers, by the events that show them: the notifications may be wrong."""
    found = []
    for start in range(0, len(ids), AT_ONCE):
        events = await kept.read(tx, ids[start : start + AT_ONCE])
        found += [stated for event in events.values() if (stated := transfer_of(event)) is not None]
    return found


def _shows(old: Content, new: Content | None) -> bool:
    """Whether ``new`` shows the same transfer, in the same way."""
    return new is not None and all(new[name] == old[name] for name in SHOWS)


def _named(found: Difference) -> str:
    """On a line of the log, where an answer that nobody waits for any more is found."""
    parts = (found.what, found.event_id, found.kind, ",".join(found.fields), found.before, found.after)
    return " ".join(str(part) for part in parts if part not in (None, ""))


def _times(row: dict[str, Any] | None) -> tuple[datetime | None, datetime | None]:
    """When it was stored, and when it was read by itself."""
    return (None, None) if row is None else (row["stored_at"], row["read_at"])


def _counts(head: Head, notifications: int, unread: int) -> list[Difference]:
    found = []
    if head.cursor.seq != notifications:
        found.append(Difference(What.LAST_SEQ, before=head.cursor.seq, after=notifications))
    if head.unread != unread:
        found.append(Difference(What.UNREAD, before=head.unread, after=unread))
    return found
