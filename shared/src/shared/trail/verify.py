"""Checks a bundle with nothing but itself and the public key, and names what is first found wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature

from shared.trail.bundle import Broken, Cover, signed_end
from shared.trail.chain import START, link
from shared.trail.entry import Entry
from shared.trail.keys import PublicKey, fingerprint
from shared.trail.lines import End, Header, Line, Sealed, Unreadable, Unsealed, read_lines
from shared.trail.tree import NotInTree, leaf, root_by_path

Kind = Literal["altered", "dropped", "reordered", "repeated", "unreadable", "key"]


@dataclass(frozen=True, slots=True)
class Problem:
    """``line`` counts from 1: the first that is not as it should be."""

    kind: Kind
    line: int
    message: str
    place: int | None = None  # Of the sealed entry that it is about.


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle says. That it is so, only a Verdict without a problem tells."""

    header: Header
    entries: Sequence[Entry]  # Those that speak of the transfer, as far as they are sealed.
    broken: Sequence[Broken]  # What whoever exported it found wrong with the trail.
    cover: Cover | None
    unsealed: Sequence[Entry]
    places: int
    head: bytes  # The hash at the last of them.


@dataclass(frozen=True, slots=True)
class Verdict:
    problem: Problem | None
    bundle: Bundle | None  # None where there is not even a header.

    @property
    def good(self) -> bool:
        return self.problem is None


class NoBundle(ValueError):
    """There is a line that no bundle has."""


def read_bundle(lines: Iterable[bytes]) -> Bundle:
    """What the lines say, on trust. Raises NoBundle."""
    read = list(read_lines(lines))
    for number, line in enumerate(read, 1):
        if isinstance(line, Unreadable):
            raise NoBundle(f"line {number}: {line.why}")
    bundle = _bundle(read)
    if bundle is None or not isinstance(read[-1], End):
        raise NoBundle("it has no header, or no end")
    return bundle


def verify(lines: Iterable[bytes], *keys: PublicKey) -> Verdict:
    """The lines are as they were written by the holder of one of the keys, or the first that is not is named.

    An altered, dropped, moved or repeated entry is named by its place: each line has the hash that was kept
    when the entry was sealed. Whoever writes all later hashes anew is found by the checkpoint's signature,
    which can only say that something up to its place was changed.
    """
    read = list(read_lines(lines))
    known = {fingerprint(key): key for key in keys}
    return Verdict(_header_problem(read, known) or _Walk(read, known).problem(), _bundle(read))


Keys = dict[str, PublicKey]


def _bundle(read: Sequence[Line]) -> Bundle | None:
    if not read or not isinstance(read[0], Header):
        return None
    sealed = [line for line in read if isinstance(line, Sealed)]
    return Bundle(
        header=read[0],
        entries=[line.entry for line in sealed if line.entry is not None],
        broken=[line for line in read if isinstance(line, Broken)],
        cover=next((line for line in read if isinstance(line, Cover)), None),
        unsealed=[line.entry for line in read if isinstance(line, Unsealed)],
        places=len(sealed),
        head=sealed[-1].hash if sealed else START,
    )


def _header_problem(read: Sequence[Line], keys: Keys) -> Problem | None:
    header = read[0] if read else None
    if isinstance(header, Unreadable):
        return Problem("unreadable", 1, f"line 1, the header, cannot be read: {header.why}")
    if not isinstance(header, Header):
        return Problem("dropped", 1, "the header is missing from line 1")
    ends = [line for line in read if isinstance(line, End) and _is_signed(line, keys)]
    if any(end.header != header.digest for end in ends):
        return Problem("altered", 1, "the header (line 1) was altered")
    if header.key not in keys:
        given = ", ".join(keys)
        return Problem("key", 1, f"the bundle is signed with key {header.key}; the key given is {given}")
    return None


def _is_signed(end: End, keys: Keys) -> bool:
    for key in keys.values():
        try:
            key.verify(end.signature, signed_end(end.members))
        except InvalidSignature:
            continue
        return True
    return False


class _Walk:
    """From the second line to the end, knowing at each what must come next."""

    def __init__(self, read: Sequence[Line], keys: Keys) -> None:
        self._read = read
        self._keys = keys
        self._hash = START
        self._place = self._number = 1  # Of the sealed and of the unsealed entry that comes next.
        self._covered = self._ended = False

    def problem(self) -> Problem | None:
        for at, line in enumerate(self._read[1:], 2):
            if (found := self._step(at, line)) is not None:
                return found
        if self._ended:
            return None
        what = "its end" if self._covered else f"entry {self._place} or the checkpoint"
        last = len(self._read)
        return Problem("dropped", last + 1, f"the file stops after line {last}: {what} should follow")

    def _step(self, at: int, line: Line) -> Problem | None:
        if self._ended:
            return Problem("repeated", at, f"line {at} stands after the end")
        match line:
            case Unreadable():
                return self._unreadable(at, line)
            case Header():
                return Problem("repeated", at, f"line {at} is a second header")
            case Sealed():
                return self._sealed(at, line)
            case Broken():
                return self._broken(at, line)
            case Cover():
                return self._cover(at, line)
            case Unsealed():
                return self._missing(at) or self._unsealed(at, line)
            case End():
                return self._missing(at) or self._end(at, line)

    def _unreadable(self, at: int, line: Unreadable) -> Problem:
        # What stands before the checkpoint, or before a sealed entry, can only be a sealed entry.
        sealed = not self._covered and any(isinstance(each, Sealed | Cover) for each in self._read[at:])
        place = self._place if sealed else None
        name = f" (entry {place})" if place else ""
        return Problem("unreadable", at, f"line {at}{name} cannot be read: {line.why}", place)

    def _sealed(self, at: int, line: Sealed) -> Problem | None:
        if line.place != self._place or self._covered:
            return self._misplaced(at, line.place)
        if link(self._hash, line.digest) != line.hash or self._is_anothers(line.entry):
            return self._altered(at)
        self._hash, self._place = line.hash, self._place + 1
        return None

    def _is_anothers(self, entry: Entry | None) -> bool:
        header = self._read[0]
        assert isinstance(header, Header)
        return entry is not None and entry.user_id != header.user_id

    def _altered(self, at: int) -> Problem:
        return Problem(
            "altered",
            at,
            f"entry {self._place} (line {at}) was altered: it is not what was sealed at that place",
            self._place,
        )

    def _misplaced(self, at: int, place: int) -> Problem:
        if place < self._place:
            return Problem("repeated", at, f"entry {place} stands a second time (line {at})", place)
        if self._covered:
            return Problem("reordered", at, f"entry {place} (line {at}) stands after the checkpoint", place)
        if self._place in self._places(at):
            return self._moved(at)
        if self._place + 1 in self._places(at)[:1]:  # All go on as they should: only this one's place is off.
            return self._altered(at)
        return self._gone(at)

    def _moved(self, at: int) -> Problem:
        message = f"entry {self._place} was moved: line {at} is its place, and something else stands there"
        return Problem("reordered", at, message, self._place)

    def _gone(self, at: int) -> Problem:
        message = f"entry {self._place} was dropped: it should stand on line {at}"
        return Problem("dropped", at, message, self._place)

    def _places(self, at: int) -> list[int]:
        """Of the sealed entries after line ``at``."""
        return [line.place for line in self._read[at:] if isinstance(line, Sealed)]

    def _missing(self, at: int) -> Problem | None:
        """What must stand before anything unsealed, and before the end, and does not."""
        if self._covered:
            return None
        if self._place in self._places(at):
            return self._moved(at)
        if any(isinstance(line, Cover) for line in self._read[at:]):
            return Problem("reordered", at, f"the checkpoint was moved: it should stand on line {at}")
        line = self._read[at - 1]
        if isinstance(line, End) and line.places >= self._place and _is_signed(line, self._keys):
            return self._gone(at)
        if self._place > 1:
            return Problem("dropped", at, f"the checkpoint is missing from line {at}")
        return None

    def _broken(self, at: int, line: Broken) -> Problem:
        end, number = self._read[-1], line.number
        if not (isinstance(end, End) and end.digest == end.read and _is_signed(end, self._keys)):
            return Problem("altered", at, f"line {at} says that the trail is broken; nobody has signed that")
        match line.what:
            case "seal":
                message = (
                    f"entry {number} has lost its seal: the trail was changed before line {at} was written"
                )
                return Problem("dropped", at, message, number)
            case "checkpoint":
                message = f"checkpoint {number} is missing from the trail; it covered entry {self._place - 1}"
                return Problem("dropped", at, message)
            case "root":
                message = (
                    f"checkpoint {number} cannot be shown: a seal under it, of this user or another, was"
                    " altered or dropped in the trail"
                )
                return Problem("altered", at, message)

    def _cover(self, at: int, line: Cover) -> Problem | None:
        if self._covered:
            return Problem("repeated", at, f"line {at} is a second checkpoint")
        if self._place in self._places(at):
            return self._moved(at)
        if line.place >= self._place and not self._leads_to_root(line):
            return self._gone(at)
        self._covered = True
        number = line.checkpoint.number
        key = self._keys.get(line.key)
        if key is None:
            return Problem(
                "key", at, f"checkpoint {number} (line {at}) names key {line.key}, which was not given"
            )
        if not line.checkpoint.verify(key, line.signature):
            return Problem(
                "altered", at, f"checkpoint {number} (line {at}) was altered: it is not what was signed"
            )
        if line.place != self._place - 1 or not self._leads_to_root(line):
            message = (
                f"the entries do not lead to checkpoint {number} (line {at}): among places 1 to"
                f" {line.place}, or in the path on that line, something was changed"
            )
            return Problem("altered", at, message)
        return None

    def _leads_to_root(self, line: Cover) -> bool:
        header = self._read[0]
        assert isinstance(header, Header)
        signed = line.checkpoint
        head = leaf(header.user_id, self._place - 1, self._hash)
        try:
            root = root_by_path(head, line.index, signed.leaves, line.path)
        except NotInTree:
            return False
        return root == signed.root

    def _unsealed(self, at: int, line: Unsealed) -> Problem | None:
        number = self._number
        if line.number != number:
            return self._unsealed_misplaced(at, line.number)
        if link(self._hash, line.entry.digest()) != line.hash or self._is_anothers(line.entry):
            return Problem("altered", at, f"unsealed entry {number} (line {at}) was altered")
        self._hash, self._number, self._covered = line.hash, number + 1, True
        return None

    def _unsealed_misplaced(self, at: int, found: int) -> Problem:
        number = self._number
        if found < number:
            return Problem("repeated", at, f"unsealed entry {found} stands a second time (line {at})")
        if any(isinstance(line, Unsealed) and line.number == number for line in self._read[at:]):
            return Problem("reordered", at, f"unsealed entry {number} was moved from line {at}")
        return Problem("dropped", at, f"unsealed entry {number} was dropped: it should stand on line {at}")

    def _end(self, at: int, line: End) -> Problem | None:
        self._ended = True
        if any(isinstance(later, Unsealed) for later in self._read[at:]):
            return Problem("reordered", at, f"line {at} is the end, and more stands after it")
        if not _is_signed(line, self._keys):
            return Problem("altered", at, f"the end (line {at}) was altered: it is not what was signed")
        if line.unsealed >= self._number:
            message = f"unsealed entry {self._number} was dropped: it should stand on line {at}"
            return Problem("dropped", at, message)
        if (line.places, line.unsealed) != (self._place - 1, self._number - 1) or line.digest != line.read:
            return Problem("altered", at, f"the end (line {at}) is not that of these lines")
        return None
