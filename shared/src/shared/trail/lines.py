"""A bundle's lines, read one by one: each is of one kind, or it is unreadable and says why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from shared.trail.bundle import FORMAT, Broken, Cover
from shared.trail.canonical import Json, NotCanonical, read_canonical
from shared.trail.checkpoint import Checkpoint, Signed
from shared.trail.entry import Entry, NoEntry, is_moment, read_id

_HEX = re.compile(r"([0-9a-f]{2})+", re.ASCII)
_HASH, _SIGNATURE = 32, 64


@dataclass(frozen=True, slots=True)
class Header:
    user_id: str
    transfer_id: UUID
    exported_at: str
    key: str
    digest: bytes  # Of the line.


@dataclass(frozen=True, slots=True)
class Sealed:
    place: int
    digest: bytes
    hash: bytes
    entry: Entry | None  # None: it tells of something else, and only its digest is here.


@dataclass(frozen=True, slots=True)
class Unsealed:
    number: int
    hash: bytes
    entry: Entry


@dataclass(frozen=True, slots=True)
class End:
    header: bytes
    digest: bytes
    places: int
    unsealed: int
    signature: bytes
    members: dict[str, Json]  # What is signed.
    read: bytes  # The digest of all lines before it, as they were read.


@dataclass(frozen=True, slots=True)
class Unreadable:
    why: str


Line = Header | Sealed | Broken | Cover | Unsealed | End | Unreadable


def read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """What stands on each line; the line feed belongs to it. Nothing is checked beyond the line itself."""
    before = sha256()
    for line in lines:
        try:
            yield _line(line, before.digest())
        except (NotCanonical, NoEntry, _Odd) as odd:
            yield Unreadable(str(odd))
        before.update(line)


class _Odd(ValueError):
    """A member is missing, too many, or not what it should be."""


def _line(line: bytes, before: bytes) -> Line:
    if not line.endswith(b"\n"):
        raise _Odd("it is cut off")
    members = read_canonical(line[:-1])
    if not isinstance(members, dict):
        raise _Odd("it is not an object")
    match sorted(members):
        case ["exported_at", "format", "key", "transfer", "user"]:
            return _header(members, line)
        case ["entry", "hash"]:
            entry = Entry.of(members["entry"])
            if not entry.place:
                raise _Odd("a sealed entry has no place")
            return Sealed(entry.place, entry.digest(), _hex(members, "hash"), entry)
        case ["digest", "hash", "place"]:
            place = _number(members, "place")
            return Sealed(place, _hex(members, "digest"), _hex(members, "hash"), None)
        case ["broken", "number"]:
            return _broken(members)
        case ["checkpoint", "index", "key", "path", "place", "signature"]:
            return _cover(members)
        case ["hash", "number", "unsealed"]:
            return Unsealed(_number(members, "number"), _hex(members, "hash"), Entry.of(members["unsealed"]))
        case ["end", "signature"]:
            return _end(members, before)
    raise _Odd("it is no line of a bundle")


def _header(members: Mapping[str, Any], line: bytes) -> Header:
    if members["format"] != FORMAT:
        raise _Odd(f"its format is not {FORMAT}")
    _hex(members, "key")
    if not isinstance(members["user"], str) or not is_moment(members["exported_at"]):
        raise _Odd("it does not say whose bundle it is, or when it was written")
    transfer_id = read_id(members["transfer"])
    return Header(members["user"], transfer_id, members["exported_at"], members["key"], sha256(line).digest())


def _broken(members: Mapping[str, Any]) -> Broken:
    if members["broken"] not in ("seal", "checkpoint", "root"):
        raise _Odd("it does not say what is broken")
    return Broken(members["broken"], _number(members, "number"))


def read_signed(members: Mapping[str, Any]) -> Signed:
    """A checkpoint as a bundle's cover has it. Raises ValueError."""
    if set(members) != {"checkpoint", "signature", "key"}:
        raise _Odd("it is no signed checkpoint")
    checkpoint = _object(members, "checkpoint", "number at previous leaves root")
    if not is_moment(checkpoint["at"]):
        raise _Odd("its checkpoint does not say when")
    _hex(members, "key")
    return Signed(
        Checkpoint(
            number=_number(checkpoint, "number"),
            at=checkpoint["at"],
            previous=_hex(checkpoint, "previous"),
            leaves=_number(checkpoint, "leaves"),
            root=_hex(checkpoint, "root"),
        ),
        signature=_hex(members, "signature", _SIGNATURE),
        key=members["key"],
    )


def _cover(members: Mapping[str, Any]) -> Cover:
    signed = read_signed({name: members[name] for name in ("checkpoint", "signature", "key")})
    path = members["path"]
    if not isinstance(path, list):
        raise _Odd("its path is not a list")
    return Cover(
        checkpoint=signed.checkpoint,
        signature=signed.signature,
        key=signed.key,
        place=_number(members, "place"),
        index=_number(members, "index"),
        path=[_hex({"path": beside}, "path") for beside in path],
    )


def _end(members: Mapping[str, Any], before: bytes) -> End:
    end = _object(members, "end", "header digest places unsealed")
    return End(
        header=_hex(end, "header"),
        digest=_hex(end, "digest"),
        places=_number(end, "places"),
        unsealed=_number(end, "unsealed"),
        signature=_hex(members, "signature", _SIGNATURE),
        members=end,
        read=before,
    )


def _object(members: Mapping[str, Any], name: str, needed: str) -> dict[str, Any]:
    value = members[name]
    if not isinstance(value, dict) or set(value) != set(needed.split()):
        raise _Odd(f"its {name} has other members")
    return value


def _hex(members: Mapping[str, Any], name: str, length: int = _HASH) -> bytes:
    value = members[name]
    if not (isinstance(value, str) and _HEX.fullmatch(value) and len(value) == length * 2):
        raise _Odd(f"its {name} is not {length} bytes in hex")
    return bytes.fromhex(value)


def _number(members: Mapping[str, Any], name: str) -> int:
    value = members[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _Odd(f"its {name} is not a number")
    return value
