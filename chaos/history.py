"""What happened in a run, as it was seen from outside: one JSON line a record, in the order it was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Literal, Self

import orjson

Type = Literal["invoke", "ok", "fail", "info"]
Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """``t``: seconds since the run began. ``process``: who saw it; one process does one thing at a time.

    ``type``, as Jepsen has them: an operation is invoked, then ok (it was done), fail (it was not, for
    certain) or info (nobody knows: it may have been done, or may be done later).
    ``key``: an operation's idempotency key, a tab's user, a fault's target.
    """

    t: float
    process: str
    f: str
    type: Type
    key: str = ""
    value: Value = field(default_factory=dict)


class History:
    """Grows a line a record, so that a run that is broken off leaves what it has seen."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._began = monotonic()
        self.records: list[Record] = []

    def add(self, process: str, f: str, type: Type, key: str = "", value: Value | None = None) -> Record:
        record = Record(round(monotonic() - self._began, 6), process, f, type, key, value or {})
        self.records.append(record)
        self._file.write(orjson.dumps(record) + b"\n")
        return record

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def load(path: Path) -> list[Record]:
        """The records of an earlier run. A last line that was broken off is left out."""
        *lines, _ = path.read_bytes().split(b"\n")
        return [Record(**orjson.loads(line)) for line in lines]
