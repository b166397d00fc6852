"""A history's operations: everything that was tried under one idempotency key, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.history import Record
from shared.money import Money

LEDGER = ("debit", "credit")  # What is one transfer, booked while the caller waits.
MADE = ("transfer_id", "payment_id", "refund_id", "verification_id")
NOT_USERS = ("run", "nemesis")


@dataclass(slots=True)
class Operation:
    """``attempts`` are the completions: an invocation that has none is still unknown."""

    key: str
    f: str
    user: str
    amount: int | None
    invoked: int = 0
    attempts: list[Record] = field(default_factory=list)

    @property
    def oks(self) -> list[Record]:
        return [attempt for attempt in self.attempts if attempt.type == "ok"]

    @property
    def failed(self) -> bool:
        """It was certainly not done: of every attempt that is known."""
        return len(self.attempts) >= self.invoked and all(each.type == "fail" for each in self.attempts)

    def made(self, name: str) -> set[str]:
        return {str(each.value[name]) for each in self.oks if each.value.get(name)}


def operations(records: Iterable[Record]) -> list[Operation]:
    found: dict[str, Operation] = {}
    for record in records:
        if not is_operation(record):
            continue
        operation = found.get(record.key)
        if operation is None:
            amount, currency = record.value.get("amount"), record.value.get("currency", "USD")
            minor = None if amount is None else Money.parse(str(amount), currency).minor
            user = str(record.value.get("user", record.process))
            operation = found[record.key] = Operation(record.key, record.f, user, minor)
        if record.type == "invoke":
            operation.invoked += 1
        else:
            operation.attempts.append(record)
    return list(found.values())


def is_operation(record: Record) -> bool:
    return bool(record.key) and record.process not in NOT_USERS and "/" not in record.process


def parameter(records: Sequence[Record], name: str, otherwise: float) -> float:
    """What the run says of itself in its first record."""
    return float(records[0].value.get(name, otherwise)) if records else otherwise


def phase_at(records: Iterable[Record], name: str) -> float | None:
    """When a phase began, or None."""
    return next(
        (each.t for each in records if (each.process, each.f, each.key) == ("run", "phase", name)), None
    )


@dataclass(frozen=True, slots=True)
class Window:
    """A fault from its beginning to its end; it was ``injected`` unless its moment did not come."""

    fault: str
    target: str
    began: float
    ended: float
    injected: bool

    def meets(self, began: float, ended: float) -> bool:
        return began <= self.ended and self.began <= ended


def windows(records: Iterable[Record]) -> list[Window]:
    """A fault that was never said to be over goes on to the end."""
    found: list[Window] = []
    begun: dict[tuple[str, str], list[float]] = {}
    for record in records:
        if record.process != "nemesis":
            continue
        target = str(record.value.get("chosen", record.key))
        since = begun.setdefault((record.f, target), [])
        if record.type == "invoke":
            since.append(record.t)
        elif since:
            found.append(Window(record.f, target, since.pop(0), record.t, record.type == "ok"))
    for (fault, target), open_ in begun.items():
        found += [Window(fault, target, began, float("inf"), injected=True) for began in open_]
    return sorted(found, key=lambda window: window.began)
