"""What a bundle's entries say together, of each notification: pushed to whom, acknowledged by which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.trail import Bundle, Entry, covers


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    session: str
    gateway: str
    at: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Tabs of a gateway process that were written to and have said nothing."""

    gateway: str
    tabs: int
    at: str  # When it last wrote.


@dataclass(slots=True)
class Told:
    """One notification that was stored for the transfer."""

    stored: Entry
    pushed: list[Entry] = field(default_factory=list)
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    read_at: str | None = None

    def take(self, entry: Entry) -> None:
        if not self._is_meant(entry):
            return
        if entry.what == "pushed":
            self.pushed.append(entry)
        elif entry.what == "acknowledged":
            said = Acknowledgement(text(entry, "session"), text(entry, "gateway"), happened_at(entry))
            if said.session not in {each.session for each in self.acknowledged}:
                self.acknowledged.append(said)
        elif entry.what == "read" and self.read_at is None:
            self.read_at = happened_at(entry)

    def _is_meant(self, entry: Entry) -> bool:
        """By the event it was made of, which stays when a stream is rebuilt; or by its number."""
        if entry.event_id is not None:
            return entry.event_id == self.stored.event_id
        return self.stored.seq is not None and covers(entry, self.stored.epoch, self.stored.seq)

    def waiting(self) -> Iterator[Waiting]:
        """A gateway may write to the same tab again, so its largest number counts, not their sum."""
        for gateway in dict.fromkeys(text(entry, "gateway") for entry in self.pushed):
            pushes = [entry for entry in self.pushed if text(entry, "gateway") == gateway]
            said = sum(each.gateway == gateway for each in self.acknowledged)
            if (silent := max(number(entry, "tabs") for entry in pushes) - said) > 0:
                yield Waiting(gateway, silent, happened_at(pushes[-1]))

    def state(self) -> str:
        """Never more than is known: to write to a socket is not to reach a person."""
        if self.acknowledged:
            return f"acknowledged by {counted(len(self.acknowledged), 'session')}"
        return "pushed, not acknowledged" if self.pushed else "stored, not pushed"


def notifications(bundle: Bundle) -> Sequence[Told]:
    """In the order in which they were stored."""
    entries = [*bundle.entries, *bundle.unsealed]
    about = bundle.header.transfer_id
    told = [Told(each) for each in entries if each.what == "stored" and each.transfer_id == about]
    for each in told:
        _take_all(each, entries)
    return told


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
