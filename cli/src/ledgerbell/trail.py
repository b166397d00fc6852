"""The whole trail, as an operator has it checked at the gateway, part by part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledgerbell.gateway import OperatorSettings, answered, client
from shared.texts import made_plain
from shared.trail import Checkpoint, Fault, PublicKey, check_signed, fingerprint, read_bundle, read_signed

_LAST = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)

MOST_CHARACTERS = 300  # Of a row's name, which has its user's.


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that was written down elsewhere, by its number and root (in hex)."""

    number: int
    root: str

    def __str__(self) -> str:
        return f"{self.number}:{self.root}"

    @classmethod
    def parse(cls, text: str) -> Kept:
        """``NUMBER:ROOT``. Raises ValueError."""
        if (found := _LAST.fullmatch(text)) is None:
            raise ValueError("what was kept is NUMBER:ROOT, as an earlier check or the log has it")
        return cls(int(found[1]), found[2])

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Kept:
        return cls(checkpoint.number, checkpoint.root.hex())


def kept_in(file: Path) -> Kept:
    """The checkpoint of a bundle. Raises NoBundle; ValueError where it has none, OSError."""
    with file.open("rb") as lines:
        cover = read_bundle(lines).cover
    if cover is None:
        raise ValueError(f"there is no checkpoint in {file}")
    return Kept.of(cover.checkpoint)


@dataclass(slots=True)
class Check:
    """What was found: of the faults the first of each kind."""

    faults: dict[str, Fault] = field(default_factory=dict)
    seals: int = 0
    last: Checkpoint | None = None

    def add(self, fault: Fault) -> None:
        self.faults.setdefault(fault.kind, fault)

    def wrong(self) -> Iterator[str]:
        """Each fault on a line, as a person reads it."""
        for each in self.faults.values():
            yield f"{made_plain(each.row, MOST_CHARACTERS)} ({each.kind}): {made_plain(each.message, 200)}"

    def whole(self) -> Iterator[str]:
        """What there is, where there is no fault."""
        yield f"whole: {self.seals} sealed entries, {self.last.number if self.last else 0} checkpoints"
        if self.last is not None:
            yield f"keep this elsewhere, for --last: {Kept.of(self.last)}"


def check_trail(settings: OperatorSettings, keys: Sequence[PublicKey], kept: Sequence[Kept]) -> Check:
    """With ``keys`` the signatures are checked here too, and not by the service alone.

    Raises GatewayRefused, and httpx.HTTPError where the gateway cannot be reached.
    """
    check, known = Check(), {fingerprint(key): key for key in keys}
    awaited = {each.number for each in kept}
    for part in _parts(settings):
        check.seals += part["seals"]
        for fault in part["faults"]:
            check.add(Fault(**fault))
        for signed in map(read_signed, part["checkpoints"]):
            for fault in check_signed(signed, check.last, known) if keys else ():
                check.add(fault)
            check.last = signed.checkpoint
            number = signed.checkpoint.number
            awaited.discard(number)
            if any(each.number == number and each != Kept.of(signed.checkpoint) for each in kept):
                check.add(
                    Fault("checkpoint_altered", f"checkpoint {number}", "it is not the one that was kept")
                )
    for number in sorted(awaited):
        check.add(Fault("checkpoint_missing", f"checkpoint {number}", "it was kept, and is not there"))
    return check


def _parts(settings: OperatorSettings) -> Iterator[dict[str, Any]]:
    with client(settings) as http:
        after: str | None = None
        while True:
            part = answered(http.get("/v1/trail/audit", params={"after": after} if after else {})).json()
            yield part
            after = part["next"]
            if after is None:
                return
