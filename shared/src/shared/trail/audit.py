"""Names what is found wrong with a trail as it is kept, and checks how its checkpoints follow each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.trail.chain import START
from shared.trail.checkpoint import Checkpoint, Signed
from shared.trail.keys import PublicKey

FaultKind = Literal[
    "checkpoint_missing",
    "checkpoint_altered",
    "checkpoint_unmatched",  # Its seals do not lead to its root.
    "seal_missing",
    "seal_altered",
    "entry_missing",
    "entry_altered",
    "entry_unsealed",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """``row`` names it: ``checkpoint 7``, ``entry 20 of user alice`` (entries and seals by their place)."""

    kind: FaultKind
    row: str
    message: str


def check_signed(signed: Signed, before: Checkpoint | None, keys: Mapping[str, PublicKey]) -> Iterator[Fault]:
    """What is wrong with a checkpoint that comes next after ``before``. ``keys`` by their fingerprints."""
    checkpoint = signed.checkpoint
    row = f"checkpoint {checkpoint.number}"
    due = 1 if before is None else before.number + 1
    if checkpoint.number != due:
        yield Fault("checkpoint_missing", f"checkpoint {due}", f"what comes next is {checkpoint.number}")
    elif checkpoint.previous != (START if before is None else before.digest()):
        yield Fault("checkpoint_altered", row, "what it names as the one before it is another")
    key = keys.get(signed.key)
    if key is None:
        yield Fault("checkpoint_altered", row, f"it names key {signed.key}, which is not known")
    elif not checkpoint.verify(key, signed.signature):
        yield Fault("checkpoint_altered", row, "it is not what was signed")
