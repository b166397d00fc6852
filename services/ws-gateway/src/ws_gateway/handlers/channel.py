"""One connected user: their tabs, and the contiguous sequence that is pushed to all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from shared.events import Lane
from shared.streams import Cursor, StreamAnswer

# A notification's lane, and when its event was committed, in seconds of the wall clock.
Origin: TypeAlias = tuple[Lane, float]


class Socket(Protocol):
    """What a tab is written to. Neither call blocks or raises."""

    def write(self, frame: bytes) -> None: ...

    def drop(self, code: int, reason: str) -> None: ...


@dataclass(slots=True, eq=False)
class Tab:
    """One socket: the last ``seq`` it was sent, and what is held for it until its replay is done.

    What is pushed leaves with the next ``flush``, in one write: a system call costs more than all the rest.
    """

    user_id: str
    socket: Socket
    epoch: int = 0
    seq: int = 0
    sent_from: int = 1  # The first that was replayed or pushed to it.
    shown: int = 0  # All up to here was acknowledged by it, or needs not be.
    is_reached: bool = False  # By the next push.
    held: list[tuple[int | None, bytes]] | None = field(default_factory=list)
    outgoing: list[bytes] = field(default_factory=list)

    def push(self, seq: int | None, frame: bytes) -> None:
        """Take a frame for sending, or hold it while replaying. ``seq`` None: not part of the sequence."""
        if self.held is not None:
            self.held.append((seq, frame))
        elif seq is None:
            self.outgoing.append(frame)
        elif seq > self.seq:
            self.seq = seq
            self.outgoing.append(frame)

    def flush(self) -> None:
        if self.outgoing:
            frames, self.outgoing = self.outgoing, []
            self.socket.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def go_live(self, reached: Cursor) -> None:
        """The replay reached so far: take what was held beyond it, and hold no more."""
        self.epoch, self.seq = reached
        held, self.held = self.held or [], None
        for each, frame in held:
            self.push(each, frame)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stream stood when it was read."""

    seq: int
    rev: int
    balances: dict[str, int]

    @classmethod
    def of(cls, answer: StreamAnswer) -> Standing:
        balances = {balance.currency: balance.version for balance in answer.balances}
        return cls(Cursor.parse(answer.head).seq, answer.rev, balances)

    def is_before(self, other: Standing) -> bool:
        return (
            self.seq < other.seq
            or self.rev < other.rev
            or any(self.balances.get(currency, -1) < version for currency, version in other.balances.items())
        )


@dataclass(slots=True, eq=False)
class Channel:
    """A connected user's stream as far as this gateway has pushed it.

    ``first`` is the read it began with. Nothing of what led up to it was pushed to anybody, so whoever joins
    needs an answer that is not older.
    """

    user_id: str
    epoch: int = 0
    seq: int | None = None  # Not known before the first read.
    rev: int = 0
    unread: int = 0
    read_seq: int = 0
    tabs: list[Tab] = field(default_factory=list)
    ahead: dict[int, tuple[bytes, Origin]] = field(default_factory=dict)
    fresh: list[Origin] = field(default_factory=list)  # What was pushed since the last ``flush``.
    balances: dict[str, int] = field(default_factory=dict)
    first: Standing | None = None
    told: int = 0  # Receipts know of all that was pushed up to here.
    reaches: int = 0  # So many tabs, by the next push.
    leading: dict[Tab, int] = field(default_factory=dict)  # Those whose replay went beyond what was pushed.

    def admit(self, tab: Tab) -> None:
        """The tab is live: pushes reach it, from where its replay ended."""
        if self.seq is not None and tab.seq > self.seq:
            self.leading[tab] = tab.seq
        else:
            tab.is_reached = True
            self.reaches += 1

    def remove(self, tab: Tab) -> None:
        self.tabs.remove(tab)
        self.leading.pop(tab, None)
        self.reaches -= tab.is_reached

    def newly_pushed(self) -> list[tuple[int, int, int]]:
        """Ranges pushed since this was asked last, both ends included, and to how many tabs."""
        seq, up_to = self.told + 1, self.seq
        if up_to is None or up_to < seq:
            return []
        self.told = up_to
        ranges = [(seq, up_to, self.reaches)] if self.reaches else []
        for tab, reached in [each for each in self.leading.items() if each[1] <= up_to]:
            del self.leading[tab]
            self.admit(tab)
            if reached < up_to:
                ranges.append((reached + 1, up_to, 1))
        return ranges

    def offer(self, seq: int, frame: bytes, origin: Origin) -> bool:
        """Push a notification when it is next; keep it when it is early; drop it when it was pushed.

        Returns whether there is a hole in front of it.
        """
        if self.seq is None or seq > self.seq + 1:
            self.ahead[seq] = frame, origin
            return self.seq is not None
        if seq == self.seq + 1:
            self._push_next(frame, origin)
            while (early := self.ahead.pop(self.seq + 1, None)) is not None:
                self._push_next(*early)
        return bool(self.ahead)

    def _push_next(self, frame: bytes, origin: Origin) -> None:
        assert self.seq is not None
        self.seq += 1
        self.fresh.append(origin)
        for tab in self.tabs:
            tab.push(self.seq, frame)

    def broadcast(self, frame: bytes) -> None:
        """Push a frame that is not part of the sequence."""
        for tab in self.tabs:
            tab.push(None, frame)

    def flush(self) -> list[Origin]:
        """Write it all to the tabs; returns what was pushed since the last time."""
        for tab in self.tabs:
            tab.flush()
        if not self.fresh:
            return []
        fresh, self.fresh = self.fresh, []
        return fresh

    def counted(self, rev: int, unread: int, read_seq: int | None = None) -> bool:
        """Take a newer unread count; an older one is ignored."""
        if rev <= self.rev:
            return False
        self.rev, self.unread = rev, unread
        if read_seq is not None:
            self.read_seq = max(self.read_seq, read_seq)
        return True

    def rebalanced(self, currency: str, version: int) -> bool:
        """Take a newer balance; an older one is ignored."""
        if version <= self.balances.get(currency, -1):
            return False
        self.balances[currency] = version
        return True

    def start_at(self, answer: StreamAnswer) -> None:
        """The first read of this stream: everything up to its head is in the reader's answer."""
        self.first = Standing.of(answer)
        self.epoch, self.seq = Cursor.parse(answer.head)
        self.counted(answer.rev, answer.unread, answer.read_seq)
        for currency, version in self.first.balances.items():
            self.rebalanced(currency, version)
        for seq in sorted(self.ahead):
            if seq <= self.seq:
                del self.ahead[seq]
        while (early := self.ahead.pop(self.seq + 1, None)) is not None:
            self._push_next(*early)
        self.told = self.seq  # Whoever is here is still joining, and is told of as replayed.
