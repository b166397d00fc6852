"""What a bundle's entries say together, of each notification: pushed to whom, acknowledged by which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.trail import Bundle, Entry, Standing, is_placed


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    session: str
    gateway: str
    at: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Tabs of a gateway process that were written to and have said nothing."""

    gateway: str
    tabs: int
    at: str  # When it last wrote.


@dataclass(slots=True)
class Told:
    """One notification that was stored for the transfer, or made for it when the stream was rebuilt."""

    stored: Entry
    pushed: list[Entry] = field(default_factory=list)
    acknowledged: list[Acknowledgement] = field(default_factory=list)  # By sessions that were sent it.
    listed: list[Acknowledgement] = field(default_factory=list)  # By those that had it when they came.
    read_at: str | None = None
    changed: Entry | None = None  # By the last rebuild that made it say something else.
    _standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self._standing = Standing(self.stored)

    def take(self, entry: Entry) -> None:
        self._standing.follow(entry)
        if not self._is_meant(entry):
            return
        if entry.what == "pushed":
            self.pushed.append(entry)
        elif entry.what == "acknowledged":
            said = Acknowledgement(text(entry, "session"), text(entry, "gateway"), happened_at(entry))
            known = self.acknowledged if self._was_sent(entry) else self.listed
            if said.session not in {each.session for each in known}:
                known.append(said)
        elif entry.what == "read" and self.read_at is None:
            self.read_at = happened_at(entry)
        elif entry.what == "rebuilt" and text(entry, "changed"):
            self.changed = entry

    def _is_meant(self, entry: Entry) -> bool:
        """By the event it was made of, or by its number in the entry's epoch."""
        if entry.event_id is not None:
            return entry.event_id == self.stored.event_id
        return self._standing.is_in(entry)

    def _was_sent(self, entry: Entry) -> bool:
        """To the session that acknowledges it; else it had it from the history, or from a socket before."""
        return (self._standing.seq_in(entry) or 0) >= number(entry, "sent_from")

    def silent(self) -> Iterator[Silent]:
        """A gateway writes a number to each socket once, so that its pushes add up to sockets.

        Who was not sent it stands for none of them.
        """
        for gateway in dict.fromkeys(text(entry, "gateway") for entry in self.pushed):
            pushes = [entry for entry in self.pushed if text(entry, "gateway") == gateway]
            said = sum(each.gateway == gateway for each in self.acknowledged)
            if (tabs := sum(number(entry, "tabs") for entry in pushes) - said) > 0:
                yield Silent(gateway, tabs, happened_at(pushes[-1]))

    def is_acknowledged(self) -> bool:
        """By all that are known to have been sent it, and by one at least."""
        return bool(self.acknowledged) and not any(self.silent())

    def state(self) -> str:
        """Never more than is known: to write to a socket is not to reach a person."""
        if self.acknowledged:
            silent = sum(each.tabs for each in self.silent())
            said = f"acknowledged by {counted(len(self.acknowledged), 'session')}"
            return f"{said}; {counted(silent, 'tab')} pushed, not acknowledged" if silent else said
        said = "pushed, not acknowledged" if self.pushed else "stored, not pushed"
        return f"{said}; in the list of {counted(len(self.listed), 'session')}" if self.listed else said


def notifications(bundle: Bundle) -> Sequence[Told]:
    """In the order in which they were stored."""
    entries = [*bundle.entries, *bundle.unsealed]
    about = bundle.header.transfer_id
    told: dict[UUID | None, Told] = {}
    for each in entries:
        if each.transfer_id == about and is_placed(each) and each.event_id not in told:
            told[each.event_id] = Told(each)
    for one in told.values():
        _take_all(one, entries)
    return list(told.values())


def _take_all(told: Told, entries: Iterable[Entry]) -> None:
    for entry in entries:
        told.take(entry)


def happened_at(entry: Entry) -> str:
    """Receipts are gathered, so that they say themselves when they came; ``at`` is when they were kept."""
    return text(entry, f"{entry.what}_at") or entry.at


def text(entry: Entry, name: str) -> str:
    """A member of its detail, or nothing."""
    value = entry.detail.get(name)
    return value if isinstance(value, str) else ""


def number(entry: Entry, name: str) -> int:
    value = entry.detail.get(name)
    return value if isinstance(value, int) else 0


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
