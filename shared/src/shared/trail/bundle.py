"""The evidence bundle: what a trail says of one transfer, on lines that can be checked without us.

Every line is canonical JSON and ends with a line feed. In this order:

    header    {format, user, transfer, exported_at, key}
    sealed    {entry, hash}, or {place, digest, hash} where the entry tells of something else: places 1 to n
    broken    {broken, number}: what whoever exported found wrong with the trail itself; mostly none
    cover     {checkpoint, signature, key, place, index, path}: place n and its hash are what was signed;
              left out where nothing is sealed, or where the checkpoint cannot be shown
    unsealed  {number, unsealed, hash}: entries no checkpoint covers yet, linked on after the last hash
    end       {end: {header, digest, places, unsealed}, signature}: signed by whoever wrote the bundle

Hashes, signatures and fingerprints are in lower-case hex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from uuid import UUID

from shared.trail.canonical import Json, canonical
from shared.trail.chain import START, link
from shared.trail.checkpoint import Checkpoint
from shared.trail.entry import Entry
from shared.trail.keys import PrivateKey, fingerprint

FORMAT = "ledgerbell.evidence.v1"
MEDIA_TYPE = "application/jsonl"

_TAG = b"ledgerbell.evidence.v1"


@dataclass(frozen=True, slots=True)
class Cover:
    """A signed checkpoint, and how a chain's head is found under it."""

    checkpoint: Checkpoint
    signature: bytes
    key: str  # The fingerprint of the key that signed it.
    place: int  # Of the chain's head, as the leaf has it.
    index: int  # Of the leaf.
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Broken:
    """What the trail lacked when it was exported, as whoever has the database could see.

    ``seal``: the entry that was sealed as ``number`` is there, its seal is not. ``checkpoint``: that of this
    number is not there. ``root``: the seals that are there do not lead to what this checkpoint says.
    """

    what: Literal["seal", "checkpoint", "root"]
    number: int


class Standing:
    """Where one notification stands, as a user's entries say that are followed in their order.

    In a new epoch it keeps its number, unless the rebuild says another of its event, or none.
    """

    def __init__(self, entry: Entry) -> None:
        """``entry`` says so first: it was stored, or a rebuild made it."""
        self._event_id = entry.event_id
        self._epoch, self._seq = entry.epoch or 0, entry.seq
        self._seqs = {self._epoch: self._seq}

    def follow(self, entry: Entry) -> None:
        if entry.what != "rebuilt" or entry.epoch is None:
            return
        if entry.event_id is None:
            if entry.epoch <= self._epoch:
                return  # It was made in this one, or later.
        elif entry.event_id == self._event_id:
            self._seq = entry.seq
        else:
            return
        self._epoch = entry.epoch
        self._seqs[self._epoch] = self._seq

    def seq_in(self, entry: Entry) -> int | None:
        """Its number in the entry's epoch."""
        return self._seqs.get(entry.epoch or 0)

    def is_in(self, entry: Entry) -> bool:
        """Whether an entry about numbers (``seq`` to ``up_to``, or ``seq`` alone) is about this one too."""
        seq = self.seq_in(entry)
        if seq is None:
            return False
        if entry.up_to is None:
            return entry.seq == seq
        return (entry.seq or 0) <= seq <= entry.up_to


class Concern:
    """Tells, of a user's entries taken in their order, which ones speak of a transfer.

    Besides those that name it: pushed, acknowledged and first read for a notification that was stored for it,
    in whatever epoch, and what became of its events.
    """

    def __init__(self, transfer_id: UUID) -> None:
        self._transfer_id = transfer_id
        self._events: set[UUID] = set()
        self._told: dict[UUID, Standing] = {}  # Its notifications, by their events.
        self._unread: set[UUID] = set()

    def __call__(self, entry: Entry) -> bool:
        if entry.transfer_id == self._transfer_id:
            self._learn(entry)
            return True
        if entry.event_id is not None:
            if entry.what == "read":
                self._unread.discard(entry.event_id)
            return entry.event_id in self._events
        if entry.what == "rebuilt":
            for standing in self._told.values():
                standing.follow(entry)
            return bool(self._told)
        if entry.what == "read":
            read = {id_ for id_ in self._unread if self._told[id_].is_in(entry)}
            self._unread -= read
            return bool(read)
        return any(standing.is_in(entry) for standing in self._told.values())

    def _learn(self, entry: Entry) -> None:
        if entry.event_id is None:
            return
        self._events.add(entry.event_id)
        if (standing := self._told.get(entry.event_id)) is not None:
            standing.follow(entry)
        elif is_placed(entry):
            self._told[entry.event_id] = Standing(entry)
            self._unread.add(entry.event_id)


def is_placed(entry: Entry) -> bool:
    """Whether it says of one notification where it came to stand."""
    return entry.what in ("stored", "rebuilt") and entry.event_id is not None and entry.seq is not None


class BundleWriter:
    """Gives the lines of one bundle; whoever calls keeps their order."""

    def __init__(self, user_id: str, transfer_id: UUID, exported_at: str, key: PrivateKey) -> None:
        """``exported_at`` as ``moment`` writes it; ``key`` signs the bundle as it signs checkpoints."""
        self._key = key
        self._header: dict[str, Json] = {
            "format": FORMAT,
            "user": user_id,
            "transfer": str(transfer_id),
            "exported_at": exported_at,
            "key": fingerprint(key.public_key()),
        }
        self._written = sha256()
        self._header_digest = ""
        self._hash = START
        self._places = self._unsealed = 0

    @property
    def places(self) -> int:
        """How many sealed entries it has."""
        return self._places

    def header(self) -> bytes:
        line = self._line(self._header)
        self._header_digest = sha256(line).hexdigest()
        return line

    def sealed(self, entry: Entry, hash_: bytes, *, whole: bool) -> bytes:
        """An entry with the hash that was kept at its place: as it is, or as a digest. From place 1 on.

        A line says the entry's own place, however many came before: where one is missing, that is seen.
        """
        assert entry.place is not None
        self._places, self._hash = self._places + 1, hash_
        if whole:
            return self._line({"entry": entry.members(), "hash": hash_.hex()})
        return self._line({"place": entry.place, "digest": entry.digest().hex(), "hash": hash_.hex()})

    def broken(self, broken: Broken) -> bytes:
        """Before the cover, or in its place."""
        return self._line({"broken": broken.what, "number": broken.number})

    def cover(self, cover: Cover) -> bytes:
        """After the last that is sealed, which is the place of ``cover``."""
        return self._line(
            {
                "checkpoint": cover.checkpoint.members(),
                "signature": cover.signature.hex(),
                "key": cover.key,
                "place": cover.place,
                "index": cover.index,
                "path": [beside.hex() for beside in cover.path],
            }
        )

    def unsealed(self, entry: Entry) -> bytes:
        """An entry about the transfer after the cover; it may have a place already."""
        self._unsealed, self._hash = self._unsealed + 1, link(self._hash, entry.digest())
        return self._line({"number": self._unsealed, "unsealed": entry.members(), "hash": self._hash.hex()})

    def end(self) -> bytes:
        end: dict[str, Json] = {
            "header": self._header_digest,
            "digest": self._written.hexdigest(),
            "places": self._places,
            "unsealed": self._unsealed,
        }
        return self._line({"end": end, "signature": self._key.sign(signed_end(end)).hex()})

    def _line(self, value: dict[str, Json]) -> bytes:
        line = canonical(value) + b"\n"
        self._written.update(line)
        return line


def signed_end(end: dict[str, Json]) -> bytes:
    """What the signature on a bundle's last line is over."""
    return _TAG + canonical(end)
