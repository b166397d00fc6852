"""Reads the rules from TOML; what is wrong is told with its line, its field and what to do."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from monitor.domain.rules import (
    HABIT_DAYS,
    AboveHabit,
    ActiveNumbers,
    FailedPayments,
    FewCodes,
    Refunds,
    Rule,
    SameAmount,
    SmallDebits,
)
from shared.money import InvalidAmount, Money, UnknownCurrency

MOST_MINUTES = HABIT_DAYS * 24 * 60  # What is older is forgotten.
HOUR_MINUTES = 60

Read: TypeAlias = Callable[[Any], Any]


class RulesRefused(ValueError):
    """The rules cannot be used; the message is ``file:line: [rule] field: what to do``."""


def read_rules(text: str, file: str) -> tuple[Rule, ...]:
    """All of them, or none: raises RulesRefused with the first fault."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+), column \d+\)$", str(error))
        line = int(at[1]) if at else len(text.splitlines())
        raise RulesRefused(f"{file}:{line}: this is not TOML: {error}") from None
    except (ValueError, RecursionError) as error:  # A number of 5,000 digits, or as many brackets.
        raise RulesRefused(f"{file}:1: this cannot be read: {error}") from None
    if not tables:
        raise RulesRefused(f"{file}:1: there is no rule; write a table such as [small-debits]")
    return tuple(_Table(text, file, name, table).rule() for name, table in tables.items())


class _Table:
    """One rule as it is written."""

    def __init__(self, text: str, file: str, name: str, table: Any) -> None:
        self._lines = text.split("\n")  # Where TOML ends a line, and nowhere else.
        self._file = file
        self._name = name
        self._table = table

    def rule(self) -> Rule:
        if not isinstance(self._table, dict):
            raise self._fault(None, f"a rule is a table: begin it with [{self._name}]")
        if not re.fullmatch(r"[a-z0-9-]{1,50}", self._name):
            raise self._fault(None, "a name has up to 50 small letters, digits and hyphens")
        watch = self._table.get("watch")
        if not isinstance(watch, str) or watch not in _WATCHES:
            raise self._fault("watch", f"write one of {', '.join(map(repr, _WATCHES))}")
        kind, own = _WATCHES[watch]
        known = {**_COMMON, **own}
        for field in self._table.keys() - known.keys() - {"watch"}:
            raise self._fault(field, f"{watch!r} knows no such field, but {', '.join(sorted(known))}")
        return kind(
            name=self._name,
            **{_ARGUMENTS.get(field, field): self._read(field, read) for field, read in known.items()},
        )

    def _read(self, field: str, read: Read) -> Any:
        if field not in self._table:
            raise self._fault(field, "is missing; add it")
        try:
            return read(self._table[field])
        except (ValueError, TypeError) as error:
            raise self._fault(field, str(error)) from None

    def _fault(self, field: str | None, advice: str) -> RulesRefused:
        where = f"[{self._name}] {field}" if field else f"[{self._name}]"
        return RulesRefused(f"{self._file}:{self._line(field)}: {where}: {advice}")

    def _line(self, field: str | None) -> int:
        """The field's own, or where it is absent that of its rule."""
        return _begins(self._lines, (self._name, field) if field and field in self._table else (self._name,))


def _begins(lines: Sequence[str], path: Sequence[str]) -> int:
    """The line at which what gives a good document this key begins, however it is written.

    The parser tells no lines: so it is asked how much it needs to read until the key is there.
    """

    def readable(n: int) -> tuple[int, dict[str, Any]]:
        """Of the first ``n`` lines as many as do not end within a value, and what they say."""
        while True:
            try:
                return n, tomllib.loads("\n".join([*lines[:n], ""]))
            except tomllib.TOMLDecodeError:
                n -= 1

    def there(n: int) -> bool:
        found: Any = readable(n)[1]
        for key in path:
            if not isinstance(found, dict) or key not in found:
                return False
            found = found[key]
        return True

    last = bisect_left(range(len(lines) + 1), True, key=there)
    return readable(last - 1)[0] + 1


def _whole(least: int, most: int) -> Read:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"write a whole number from {least} to {most}, without quotes")
        return value

    return read


def _number(above: float, most: float) -> Read:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not above < value <= most:
            raise ValueError(f"write a number above {above:g}, at most {most:g}, without quotes")
        return float(value)

    return read


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("write true or false, without quotes")
    return value


def _minutes(value: Any) -> timedelta:
    return timedelta(minutes=_whole(1, MOST_MINUTES)(value))


def _an_hour(value: Any) -> timedelta:
    if value != HOUR_MINUTES:
        raise ValueError(f"write {HOUR_MINUTES}: a habit is known by the hour")
    return _minutes(value)


def _amounts(value: Any) -> Mapping[str, int]:
    example = 'write amounts by currency, such as { USD = "1.00" }'
    if not isinstance(value, dict) or not value:
        raise ValueError(example)
    found = {}
    for currency, amount in value.items():
        if not isinstance(amount, str):
            raise ValueError(f"{currency}: {example}")
        try:
            found[currency] = Money.parse(amount, currency).minor
        except (InvalidAmount, UnknownCurrency) as error:
            raise ValueError(f"{currency}: {error}") from None
    return found


_COMMON: dict[str, Read] = {
    "within_minutes": _minutes,
    "score": _number(0, 1),
    "alert": _truth,
    "freeze_on_dispute": _truth,
}
_ARGUMENTS = {"within_minutes": "within"}
_COUNT = {"count": _whole(2, 1_000)}
_WATCHES: dict[str, tuple[Callable[..., Rule], dict[str, Read]]] = {
    "small debits": (SmallDebits, _COUNT | {"at_most": _amounts}),
    "same amount": (SameAmount, _COUNT),
    "refunds": (Refunds, _COUNT),
    "failed payments": (FailedPayments, _COUNT),
    "few codes": (FewCodes, {"after": _whole(1, 1_000), "below_percent": _number(0, 100)}),
    "active numbers": (ActiveNumbers, _COUNT),
    "above habit": (
        AboveHabit,
        {"times": _number(1, 1_000), "after": _whole(1, 10_000), "within_minutes": _an_hour},
    ),
}
