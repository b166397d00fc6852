"""I12: what came, what was parked and what is read is in the trail, once; its chains and checkpoints hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from chaos.final import Final, Link
from chaos.finding import Finding, Kind
from chaos.history import Record
from shared.trail import START, link

TAKEN = ("stored", "suppressed")
DONE = ("pushed", "acknowledged", "read")


def check(_: Sequence[Record], final: Final) -> Iterator[Finding]:
    yield from _taken(final)
    yield from _parked(final)
    yield from _read(final)
    yield from _audited(final)
    chains: dict[str, list[Link]] = {}
    for each in final.trail:
        chains.setdefault(each.entry.user_id, []).append(each)
    for user, chain in chains.items():
        yield from _holds(user, chain)
        yield from _order(user, [each for each in chain if each.entry.place is not None])


def _taken(final: Final) -> Iterator[Finding]:
    entries = [each.entry for each in final.trail]
    times = Counter(str(entry.event_id) for entry in entries if entry.what in TAKEN)
    for id_, count in times.items():
        if count > 1:
            yield Finding(
                "I12", Kind.DOUBLED, "in the trail once more than it came", ids=(id_,), count=count - 1
            )
    stored = {(str(entry.event_id), entry.user_id, entry.seq) for entry in entries if entry.what == "stored"}
    for each in final.notifications:
        if (each.id, each.user, each.seq) not in stored:
            words = f"the trail does not know that {each.kind} was stored as {each.seq}"
            yield Finding("I12", Kind.LOST, words, each.user, (each.id,))
    came = set(final.came)
    for id_ in sorted(came - times.keys() - {each.id for each in final.notifications}):
        yield Finding("I12", Kind.LOST, "it came, and the trail does not know what became of it", ids=(id_,))
    for id_ in sorted(times.keys() - came):
        yield Finding("I12", Kind.DOUBLED, "it is in the trail, and never came", ids=(id_,))


def _parked(final: Final) -> Iterator[Finding]:
    said = {str(each.entry.event_id) for each in final.trail if each.entry.what == "parked"}
    parked = {each.id for each in final.parked if each.told and each.state == "parked"}
    for id_ in sorted(parked - said):
        yield Finding("I12", Kind.LOST, "the trail does not know that it was parked", ids=(id_,))
    for id_ in sorted(said - {each.id for each in final.parked if each.told}):
        yield Finding("I12", Kind.DOUBLED, "the trail says that it was parked, and it was not", ids=(id_,))


def _read(final: Final) -> Iterator[Finding]:
    """Nothing rebuilds a stream in a run: what that puts below the mark is read, and no entry says so."""
    read: dict[str, set[int]] = {}
    said: dict[str, set[int]] = {}
    for notification in final.notifications:
        if notification.read:
            read.setdefault(notification.user, set()).add(notification.seq)
    for each in final.trail:
        entry = each.entry
        if entry.what == "read" and entry.seq is not None:
            places = range(entry.seq, (entry.up_to or entry.seq) + 1)
            said.setdefault(entry.user_id, set()).update(places)
    for user in sorted(read.keys() | said.keys()):
        is_read, is_said = read.get(user, set()), said.get(user, set())
        if unsaid := len(is_read - is_said):
            words = f"{unsaid} are read, and the trail does not say so"
            yield Finding("I12", Kind.LOST, words, user, count=unsaid)
        if unread := len(is_said - is_read):
            words = f"the trail says of {unread} that they are read, and they are not"
            yield Finding("I12", Kind.DOUBLED, words, user, count=unread)


def _audited(final: Final) -> Iterator[Finding]:
    if final.audit is None:
        return
    for fault in final.audit.faults:
        yield Finding("I12", Kind.LOST, f"the audit says {fault.kind} of {fault.row}: {fault.message}")
    sealed = sum(each.hash is not None for each in final.trail)
    if final.audit.seals < sealed:
        words = f"the audit has looked at {final.audit.seals} seals, and there are {sealed}"
        yield Finding("I12", Kind.LOST, words)


def _order(user: str, chain: Sequence[Link]) -> Iterator[Finding]:
    """What was done with a notification has its place after what stored it."""
    reached = 0
    for each in chain:
        entry = each.entry
        if entry.what == "stored":
            reached = max(reached, entry.seq or 0)
        elif entry.what in DONE and (said := entry.up_to or entry.seq or 0) > reached:
            yield Finding("I12", Kind.LOST, f"{entry.what} up to {said} comes before it was stored", user)
            return


def _holds(user: str, chain: Sequence[Link]) -> Iterator[Finding]:
    head, place = START, 0
    for each in chain:
        if each.hash is None:
            yield Finding("I12", Kind.STUCK, f"{each.entry.what} has no place in the chain", user)
            continue
        place += 1
        if each.entry.place != place:
            yield Finding("I12", Kind.LOST, f"after place {place - 1} comes {each.entry.place}", user)
            return
        head = link(head, each.entry.digest())
        if each.hash != head:
            yield Finding(
                "I12", Kind.LOST, f"{each.entry.what} at place {place} is not what was sealed", user
            )
            return
