"""One table of faults for both providers, and the plan that says which of them hit a call or an object."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Where = Literal["answer", "creation", "amounts", "webhooks"]
"""What a fault hits: the answer of one call, the making of an object, what it says, or its webhooks."""

KEPT: tuple[Where, ...] = ("amounts", "webhooks")
"""The faults an object remembers, because they only show later."""


class InvalidFaults(ValueError):
    """There is no such fault, or not with this value; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. Its value is a number of ``numbers``, a word of ``words``, or nothing at all."""

    name: str
    where: Where
    says: str
    default: str = ""
    numbers: range | None = None
    words: tuple[str, ...] = ()

    def value(self, given: str) -> str:
        """The value asked for, or the default. Raises InvalidFaults."""
        if not given:
            return self.default
        if self.numbers is not None:
            if is_number(given) and int(given) in self.numbers:
                return str(int(given))
            raise InvalidFaults(f"{self.name} takes a number from {self.numbers[0]} to {self.numbers[-1]}.")
        if given in self.words:
            return given
        if self.words:
            raise InvalidFaults(f"{self.name} takes one of {', '.join(self.words)}.")
        raise InvalidFaults(f"{self.name} takes no value.")


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def table(*faults: Fault) -> Mapping[str, Fault]:
    return {fault.name: fault for fault in faults}


COMMON = (
    Fault("delay", "answer", "acts, and answers so many milliseconds later", "200", range(1, 60_001)),
    Fault("error", "answer", "answers 5xx without acting", "503", range(500, 600)),
    Fault("error_after", "answer", "acts, then answers 5xx", "503", range(500, 600)),
    Fault("timeout", "answer", "acts, then does not answer for 30 s"),
    Fault("timeout_before", "answer", "does not act, and does not answer for 30 s"),
    Fault("decline", "creation", "refuses for good, with this status", "422", words=("422", "402")),
    Fault("drop", "webhooks", "webhooks are not sent until somebody asks"),
    Fault("duplicate", "webhooks", "each webhook is sent so many times at once", "2", range(2, 101)),
    Fault("reorder", "webhooks", "a webhook waits until the next one has gone, at most 1 s"),
    Fault(
        "webhook_delay", "webhooks", "webhooks leave so many milliseconds later", "1000", range(1, 600_001)
    ),
)


@dataclass(frozen=True, slots=True)
class Faults:
    """Some faults with their values; those on the right of ``|`` win."""

    values: Mapping[str, str]
    known: Mapping[str, Fault]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __or__(self, other: Faults) -> Faults:
        return Faults({**self.values, **other.values}, self.known)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" if value else name for name, value in self.values.items())

    def word(self, name: str) -> str | None:
        return self.values.get(name)

    def number(self, name: str, otherwise: int = 0) -> int:
        return int(self.values.get(name, otherwise))

    def only(self, *where: Where) -> Faults:
        chosen = {name: value for name, value in self.values.items() if self.known[name].where in where}
        return Faults(chosen, self.known)


@dataclass(slots=True)
class Ahead:
    """Faults that wait for the next calls under a path, perhaps of one method only."""

    path_prefix: str
    faults: Faults
    times: int

    def matches(self, method: str, path: str) -> bool:
        wanted, _, prefix = self.path_prefix.rpartition(" ")
        return wanted in ("", method) and path.startswith(prefix)

    def view(self) -> dict[str, object]:
        return {"path_prefix": self.path_prefix, "faults": str(self.faults), "times": self.times}


class FaultPlan:
    """What goes wrong from here on: by chance, with the next call, or as a caller asks."""

    def __init__(self, known: Mapping[str, Fault], seed: int | None) -> None:
        self.known = known
        self.seed = random.SystemRandom().randrange(2**31) if seed is None else seed
        self.rates: dict[str, tuple[str, float]] = {}
        self.ahead: list[Ahead] = []
        self._chances: dict[str, random.Random] = {}
        self.reset()

    def none(self) -> Faults:
        return Faults({}, self.known)

    def parse(self, text: str) -> Faults:
        """``delay=200, drop`` as faults. Raises InvalidFaults."""
        values = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (side.strip() for side in part.partition("="))
            values[name] = self._fault(name).value(value)
        return Faults(values, self.known)

    def parse_kept(self, text: str) -> Faults:
        """Faults an object can remember. Raises InvalidFaults for those of an answer."""
        faults = self.parse(text)
        for name in faults.values:
            if self.known[name].where not in KEPT:
                raise InvalidFaults(f"{name} hits one call: send it in the call's Sandbox-Faults header.")
        return faults

    def from_form(self, form: Mapping[str, str], *where: Where) -> Faults:
        """Faults as a page's fields ``fault.<name>`` give them. Raises InvalidFaults."""
        values = {}
        for name, fault in self.known.items():
            given = form.get(f"fault.{name}", "").strip()
            if given and fault.where in where:
                values[name] = fault.value(given if fault.default else "")
        return Faults(values, self.known)

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """Replace all rates; keys are written as in the header. Raises InvalidFaults."""
        chosen = {}
        for key, rate in rates.items():
            if not 0 <= rate <= 1:
                raise InvalidFaults("A rate is a probability from 0 to 1.")
            for name, value in self.parse(key).values.items():
                chosen[name] = (value, rate)
        self.rates = {name: (value, rate) for name, (value, rate) in chosen.items() if rate > 0}

    def draw(self, *where: Where) -> Faults:
        """What chance has in store for one call, object or webhook."""
        drawn = {
            name: value
            for name, (value, rate) in self.rates.items()
            if self.known[name].where in where and self._chances[name].random() < rate
        }
        return Faults(drawn, self.known)

    def await_call(self, path_prefix: str, faults: Faults, times: int) -> None:
        self.ahead.append(Ahead(path_prefix, faults, times))

    def take(self, method: str, path: str) -> Faults:
        """What waits for this call; the first that matches, so that several are met one after the other."""
        for waiting in self.ahead:
            if waiting.matches(method, path):
                waiting.times -= 1
                if not waiting.times:
                    self.ahead.remove(waiting)
                return waiting.faults
        return self.none()

    def clear(self) -> None:
        self.rates.clear()
        self.ahead.clear()

    def reset(self) -> None:
        """As it was at the start, the order of chance included."""
        self.clear()
        # A generator each: drawing for one fault does not shift what is drawn for another.
        self._chances = {name: random.Random(f"{self.seed}:{name}") for name in self.known}

    def view(self) -> dict[str, object]:
        rates = {f"{name}={value}" if value else name: rate for name, (value, rate) in self.rates.items()}
        return {"rates": rates, "next": [waiting.view() for waiting in self.ahead], "seed": self.seed}

    def of(self, where: Iterable[Where]) -> list[Fault]:
        """The faults of these kinds, in the table's order."""
        kinds = set(where)
        return [fault for fault in self.known.values() if fault.where in kinds]

    def _fault(self, name: str) -> Fault:
        try:
            return self.known[name]
        except KeyError:
            raise InvalidFaults(f"There is no fault {name!r}; there are {', '.join(self.known)}.") from None
