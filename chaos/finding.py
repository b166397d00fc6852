"""What a checker has to say: which promise is broken, whose it was, and how it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from chaos.final import Final
from chaos.history import Record


class Kind(StrEnum):
    LOST = "lost"  # It was promised and is not there, or what is there does not add up.
    DOUBLED = "doubled"  # There is more of it than there is cause for.
    LEAKED = "leaked"  # Somebody else can see it, or it is held for good.
    STUCK = "stuck"  # It has not come to its end in time.


@dataclass(frozen=True, slots=True)
class Finding:
    """``invariant``: its number; I1 to I11 are the fault plan's."""

    invariant: str
    kind: Kind
    words: str
    user: str = ""
    ids: tuple[str, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        whose = f" of {self.user}" if self.user else ""
        which = f" ({', '.join(self.ids)})" if self.ids else ""
        return f"{self.invariant} {self.kind} {self.count}{whose}: {self.words}{which}"


Checker: TypeAlias = Callable[[Sequence[Record], Final], Iterable[Finding]]
