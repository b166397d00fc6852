"""I13: the trail knows what was pushed, and of every session what it has acknowledged and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaos.checkers.notices import frames_of
from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import Window, windows
from shared.trail import Entry

EPOCH = 1  # Nothing rebuilds a stream in a run.
GATEWAY = "ws-gateway"
MORE_GATEWAYS = "replicas"  # The second one ends with the fault.
SWALLOWING = ("reset", "black-hole", "one-way")
PAGE = "page"  # Calls the gateway too, and no socket of a tab goes through it.
LINGERING_SECONDS = 1.0  # What is said may be on its way for so long.
OWN_CODES = 4000  # From here on the gateway itself says why it closes.


@dataclass(slots=True)
class Session:
    """One socket of a tab, from its welcome to its loss."""

    user: str
    began: float
    ended: float = float("inf")
    dropped: float = float("inf")  # When the gateway closed it: the end, if it did so.
    said: list[tuple[float, int]] = field(default_factory=list)  # When, and up to which seq it was shown.
    shown: set[tuple[int, int]] = field(default_factory=set)  # Epoch and seq.

    @property
    def acknowledged(self) -> int:
        return max((up_to for _, up_to in self.said), default=0)

    def heard(self, silences: Sequence[Window]) -> int:
        """What must be known of it: what it said into a line that is silent or cut may never have come, nor
        what crossed the gateway's own closing. It says that again on its next socket.
        """
        return max(
            (
                up_to
                for at, up_to in self.said
                if at + LINGERING_SECONDS <= self.dropped
                and not any(window.meets(at, at + LINGERING_SECONDS) for window in silences)
            ),
            default=0,
        )

    def outlived(self, window: Window, known: int) -> bool:
        """It is known that it said more after that: its gateway was still there."""
        before = max((up_to for at, up_to in self.said if at <= window.ended), default=0)
        return any(at > window.ended and before < up_to <= known for at, up_to in self.said)


Places = dict[str, set[tuple[int, int]]]  # Of each user: epoch and seq.


def check(records: Sequence[Record], final: Final) -> Iterator[Finding]:
    sessions, pushed = _sessions(records), _pushed(final)
    for each in final.trail:
        if each.entry.what == "acknowledged":
            id_ = str(each.entry.detail["session"])
            yield from _is_true(each.entry, sessions.get(id_), pushed)
    acknowledged = _acknowledged(final)
    for id_, heard in _heard(records, sessions, acknowledged).items():
        session, known = sessions[id_], acknowledged.get(id_, 0)
        if heard > known:
            words = f"{heard} was acknowledged, and the trail says {known}"
            yield Finding("I13", Kind.LOST, words, session.user, (id_,))
        if unknown := session.shown - pushed.get(session.user, set()):
            words = f"{len(unknown)} were shown, and the trail does not know that they were pushed"
            yield Finding("I13", Kind.LOST, words, session.user, (id_,), len(unknown))


def answerable(records: Sequence[Record], final: Final) -> int:
    """How many sessions have acknowledged something that the trail has to know."""
    heard = _heard(records, _sessions(records), _acknowledged(final))
    return sum(up_to > 0 for up_to in heard.values())


def _acknowledged(final: Final) -> dict[str, int]:
    """Up to where the trail says that each session has."""
    found: dict[str, int] = {}
    for each in final.trail:
        if each.entry.what == "acknowledged":
            id_ = str(each.entry.detail["session"])
            found[id_] = max(found.get(id_, 0), each.entry.up_to or 0)
    return found


def _heard(
    records: Sequence[Record], sessions: Mapping[str, Session], acknowledged: Mapping[str, int]
) -> dict[str, int]:
    """Up to where each was heard for certain. What a gateway had not passed on at its end, nobody knows."""
    faults = windows(records)
    silences = list(filter(_swallows_words, faults))
    return {
        id_: session.heard(silences)
        for id_, session in sessions.items()
        if all(
            session.outlived(window, acknowledged.get(id_, 0))
            for window in faults
            if _may_end(window, session)
        )
    }


def _is_true(entry: Entry, session: Session | None, pushed: Places) -> Iterator[Finding]:
    user, up_to, ids = entry.user_id, entry.up_to or 0, (str(entry.detail["session"]),)
    if session is None or session.user != user:
        yield Finding(
            "I13", Kind.LEAKED, f"{up_to} is acknowledged by a session that is not theirs", user, ids
        )
        return
    if up_to > session.acknowledged:
        words = f"{up_to} is acknowledged, and the session had said {session.acknowledged}"
        yield Finding("I13", Kind.DOUBLED, words, user, ids)
    first = max(entry.seq or 0, int(entry.detail.get("sent_from", 0)))
    if unsent := {(entry.epoch or 0, seq) for seq in range(first, up_to + 1)} - session.shown:
        words = f"{len(unsent)} are acknowledged as what the session was sent, and it was not sent them"
        yield Finding("I13", Kind.DOUBLED, words, user, ids)
    # What the socket before was shown is said again; its gateway may have ended before it told of the push.
    place = (entry.epoch or 0, up_to)
    if place in session.shown and place not in pushed.get(user, set()):
        yield Finding("I13", Kind.LOST, f"{up_to} is acknowledged, and was not pushed", user, ids)


def _sessions(records: Sequence[Record]) -> dict[str, Session]:
    found: dict[str, Session] = {}
    current: dict[str, Session] = {}  # By tab.
    for record in records:
        if record.f == "connected" and (id_ := record.value.get("session")):
            current[record.process] = found[id_] = Session(record.key, record.t)
        elif (session := current.get(record.process)) is not None:
            _see(session, record)
            if record.f == "closed":  # What it says before it is connected again, no session has said.
                del current[record.process]
    return found


def _see(session: Session, record: Record) -> None:
    match record.f:
        case "acknowledged":
            session.said.append((record.t, int(record.value["seq"])))
        case "closed":
            session.ended = record.t
            if int(record.value.get("code") or 0) >= OWN_CODES:
                session.dropped = record.t
        case "frame":
            for frame in frames_of(record):
                if frame["type"] == "notification":
                    session.shown.add((EPOCH, int(frame["seq"])))


def _pushed(final: Final) -> Places:
    places: Places = {}
    for each in final.trail:
        entry = each.entry
        if entry.what == "pushed" and entry.seq and entry.up_to:
            theirs = places.setdefault(entry.user_id, set())
            theirs |= {(entry.epoch or 0, seq) for seq in range(entry.seq, entry.up_to + 1)}
    return places


def _may_end(window: Window, session: Session) -> bool:
    """Whether the session's gateway ended by it. One that was there before is not the second one's."""
    if window.fault == MORE_GATEWAYS:
        return window.began <= session.began <= window.ended
    return window.target == GATEWAY and window.meets(session.began, session.ended)


def _swallows_words(window: Window) -> bool:
    """A door through which tabs come in, whichever: a history does not say by which one a tab did."""
    caller, _, target = window.target.partition("→")
    return window.fault in SWALLOWING and target == GATEWAY and caller != PAGE
