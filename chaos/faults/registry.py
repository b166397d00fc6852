"""Every fault by its name: what it breaks, what it may be done to, and how it is done and undone."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from chaos.history import Value
from chaos.world import World

# Does it to the target and undoes it; returns what is worth telling of it.
Inject: TypeAlias = Callable[[World, str, random.Random], Awaitable[Value | None]]


class NotInjected(Exception):
    """The moment for it did not come; nothing was broken."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``number`` in the fault plan.

    One that lingers goes on while others come and go, and needs so many seconds, in a run of two minutes.
    """

    name: str
    number: int
    breaks: str
    targets: Sequence[str]
    inject: Inject
    lingers_seconds: float


FAULTS: dict[str, Fault] = {}


def fault(
    number: int, name: str, targets: Sequence[str], *, breaks: str, lingers_seconds: float = 0
) -> Callable[[Inject], Inject]:
    """Enter a function into ``FAULTS``."""

    def enter(inject: Inject) -> Inject:
        FAULTS[name] = Fault(name, number, breaks, targets, inject, lingers_seconds)
        return inject

    return enter
