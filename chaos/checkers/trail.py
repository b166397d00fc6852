"""I12: what was stored is in the trail once, all of it is in its user's chain, and the chain holds."""

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
