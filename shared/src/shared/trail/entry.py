"""One thing that happened to a user's notifications, and its digest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, cast, get_args
from uuid import UUID

from shared.trail.canonical import Json, canonical

What = Literal["stored", "suppressed", "parked", "discarded", "pushed", "acknowledged", "read", "rebuilt"]
Detail = Mapping[str, str | int | bool]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_NUMBERS = ("place", "epoch", "seq", "up_to")
_IDS = ("event_id", "transfer_id")
_MEMBERS = frozenset(("user_id", "what", "at", "detail", *_NUMBERS, *_IDS))


class NoEntry(ValueError):
    """The members do not make an entry."""


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second, always. ``at`` must know its zone."""
    if at.tzinfo is None:
        raise ValueError("a moment without a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def is_moment(text: object) -> bool:
    """Whether ``moment`` could have written it."""
    if not (isinstance(text, str) and _MOMENT.fullmatch(text)):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """``place`` counts a user's entries from 1; it is None until the entry is sealed."""

    user_id: str
    place: int | None
    what: What
    at: str  # As ``moment`` writes it.
    event_id: UUID | None = None
    transfer_id: UUID | None = None
    epoch: int | None = None
    seq: int | None = None
    up_to: int | None = None
    detail: Detail = field(default_factory=dict)

    def members(self) -> dict[str, Json]:
        """All that is there: a member without a value is left out."""
        found: dict[str, Json] = {
            "user_id": self.user_id,
            "what": self.what,
            "at": self.at,
            "detail": dict(self.detail),
        }
        for name in _NUMBERS:
            if (number := getattr(self, name)) is not None:
                found[name] = number
        for name in _IDS:
            if (id_ := getattr(self, name)) is not None:
                found[name] = str(id_)
        return found

    def canonical(self) -> bytes:
        """Raises NotCanonical where the detail holds a null, a fraction or a lone surrogate."""
        return canonical(self.members())

    def digest(self) -> bytes:
        return sha256(self.canonical()).digest()

    @classmethod
    def of(cls, members: object) -> Entry:
        """The entry that has these members. Raises NoEntry."""
        if not isinstance(members, dict) or set(members) - _MEMBERS:
            raise NoEntry("its members are not those of an entry")
        user_id, what, at, detail = (members.get(name) for name in ("user_id", "what", "at", "detail"))
        if not (isinstance(user_id, str) and what in get_args(What) and is_moment(at)):
            raise NoEntry("an entry says whose it is, what happened and when")
        if not (isinstance(detail, dict) and all(isinstance(v, str | int) for v in detail.values())):
            raise NoEntry("its detail is not flat")
        numbers = {name: _number(name, members[name]) for name in _NUMBERS if name in members}
        ids = {name: read_id(members[name]) for name in _IDS if name in members}
        return cls(
            user_id=user_id,
            place=numbers.get("place"),
            what=cast(What, what),
            at=cast(str, at),
            event_id=ids.get("event_id"),
            transfer_id=ids.get("transfer_id"),
            epoch=numbers.get("epoch"),
            seq=numbers.get("seq"),
            up_to=numbers.get("up_to"),
            detail=detail,
        )


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NoEntry(f"its {name} is not a number")
    return value


def read_id(value: object) -> UUID:
    """The one way to spell it. Raises NoEntry."""
    try:
        id_ = UUID(str(value))
    except ValueError as error:
        raise NoEntry("an id is not a UUID") from error
    if str(id_) != value:
        raise NoEntry("an id is not spelt as UUIDs are")
    return id_
