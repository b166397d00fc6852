"""I6, after Jepsen's kafka and set-full: a tab is shown its user's stream in order, whole, once.

Across reconnects and resets, and in the end what it knows is what the table holds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.checkers.notices import frames_of
from chaos.final import Account, Final, Stream
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import phase_at
from shared.money import Money


@dataclass
class Tab:
    """What a tab knows after all that it was told. ``base``: what was before it was not for it to know."""

    name: str
    user: str
    places: Mapping[int, str]  # The table's: seq and id.
    base: int = 0
    last: int = 0
    known: set[int] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    repeated: list[int] = field(default_factory=list)
    elsewhere: list[int] = field(default_factory=list)
    afresh: bool = False  # Its history has to be loaded, or it is a tab that asked for none.
    lives: int = 0
    live: bool = False
    left_at: float | None = None
    rev: int = 0
    unread: int = 0
    balances: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._order = sorted(self.places)

    def take(self, record: Record) -> None:
        value = record.value
        match record.f:
            case "connected":
                self.live, self.left_at = False, None
                self.afresh = value.get("resume") == "reset" or (
                    not self.lives and value.get("cursor", "") is None
                )
            case "closed":
                self.live = False
                self.left_at = record.t if record.type == "ok" else None
            case "read" if self.afresh:
                self._load(value)
            case "frame":
                for frame in frames_of(record):
                    self._frame(frame)

    def _load(self, history: dict[str, Any]) -> None:
        """A page of the history, after a reset: what is older is a page away."""
        seqs = {int(item["seq"]) for item in history["items"]}
        if seqs:
            self.known |= set(range(1, min(seqs))) | seqs
        self.last = max(self.last, _seq(history["as_of"]))
        self.afresh = False

    def _frame(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "notification":
                self._notification(frame)
                self._count(frame)
            case "welcome":
                self.afresh |= frame.get("resume") == "reset"
            case "live":
                self.live = True
                self.lives += 1
                if self.afresh:  # It goes on from here, and loads the history when it likes.
                    self.base = self.last = _seq(frame["as_of"])
                    self.afresh = False
                self._count(frame)
                for balance in frame.get("balances", ()):
                    self._balance(balance)
            case "read":
                self._count(frame)
            case "balance":
                self._balance(frame)

    def _notification(self, frame: dict[str, Any]) -> None:
        seq = int(frame["seq"])
        if self.places.get(seq) != frame["id"] and frame["id"] in self.places.values():
            self.elsewhere.append(seq)
        if seq in self.known:
            self.repeated.append(seq)
        self.skipped |= {each for each in self._between(self.last, seq) if each not in self.known}
        self.known.add(seq)
        self.last = max(self.last, seq)

    def _between(self, after: int, before: int) -> list[int]:
        return self._order[bisect_right(self._order, after) : bisect_left(self._order, before)]

    def _count(self, frame: dict[str, Any]) -> None:
        if frame.get("rev", 0) > self.rev:
            self.rev, self.unread = frame["rev"], frame["unread"]

    def _balance(self, frame: dict[str, Any]) -> None:
        known = self.balances.get(frame["currency"])
        if known is None or frame["version"] > known["version"]:
            self.balances[frame["currency"]] = frame

    @property
    def missing(self) -> set[int]:
        return {seq for seq in self.places if seq > self.base} - self.known


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    streams = {stream.user: stream for stream in final.streams}
    drained = phase_at(records, "drained")
    for tab in replayed(records, final):
        left = tab.left_at is not None and (drained is None or tab.left_at < drained)
        there = tab.live or tab.left_at is not None
        missing = tab.missing if there and not left else set()
        for seq in sorted(tab.skipped | missing):
            words = f"{tab.name} was {'not shown' if seq in missing else 'shown too late'} {seq}"
            yield Finding("I6", Kind.LOST, words, tab.user, (tab.places[seq],))
        for seq in tab.repeated:
            yield Finding("I6", Kind.DOUBLED, f"{tab.name} was shown {seq} again", tab.user)
        for seq in tab.elsewhere:
            words = f"{tab.name} was shown as {seq} what has another place"
            yield Finding("I6", Kind.DOUBLED, words, tab.user)
        if there and not left:
            yield from _figures(tab, streams.get(tab.user), final.balances)
        if not there and drained is not None:
            yield Finding("I6", Kind.STUCK, f"{tab.name} has not come back", tab.user)


def replayed(records: Sequence[Record], final: Final) -> list[Tab]:
    """Every tab, as it was at the end."""
    places: dict[str, dict[int, str]] = {}
    for notification in final.notifications:
        places.setdefault(notification.user, {})[notification.seq] = notification.id
    tabs: dict[str, Tab] = {}
    for record in records:
        if "/" in record.process:
            tab = tabs.get(record.process)
            if tab is None:
                tab = tabs[record.process] = Tab(record.process, record.key, places.get(record.key, {}))
            tab.take(record)
    return list(tabs.values())


def _figures(tab: Tab, stream: Stream | None, balances: Sequence[Account]) -> Iterator[Finding]:
    if stream is not None and (tab.rev, tab.unread) != (stream.rev, stream.unread):
        counted, true = (tab.rev, tab.unread), (stream.rev, stream.unread)
        words = f"{tab.name} has revision and unread {counted}, and they are {true}"
        yield Finding("I6", Kind.LOST, words, tab.user)
    for balance in balances:
        if balance.user == tab.user:
            shown = tab.balances.get(balance.currency, {})
            figures = tuple(shown.get(name) for name in ("version", "posted", "held"))
            posted, held = (Money(minor, balance.currency).amount for minor in (balance.posted, balance.held))
            if figures != (balance.version, posted, held):
                words = f"{tab.name} shows {figures}, and the balance is {balance}"
                yield Finding("I6", Kind.LOST, words, tab.user)


def _seq(cursor: str) -> int:
    return int(cursor.partition(":")[2])
