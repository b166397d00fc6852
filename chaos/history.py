"""What happened in a run, as it was seen from outside: one JSON line a record, in the order it was seen.

======== =========== ================== =============== =====================================================
process  f           type               key             value
======== =========== ================== =============== =====================================================
run      run         info                               first of all; seed, drain_seconds (from the heal
                                                        until nothing waits); bounds of its own, if any, such
                                                        as latency_seconds (see ``checkers``)
run      phase       info               load, faults,
                                        heal, drained,
                                        read
run      waiting     info                               left: what still waits after the time to drain
run      resources   info                               a ``chaos.final.Resources``, at peace before the
                                                        faults; ``Final`` has those at the end
user-07  debit, …    invoke             idempotency key user, amount ("1.50"), currency, via (the service
                                                        that is called: its own, or ws-gateway)
                     ok                                 and status, seconds, body (as answered), and what
                                                        it made: transfer_id, payment_id, refund_id,
                                                        verification_id
                     fail                               it was certainly not done: status, code
                     info                               nobody knows: error
user-07/ connected   info               user            after each welcome: session, resume; and cursor,
                                                        None where the tab asked for nothing before it
tab-2    frame       info               user            the frame, batches as they came
         acknowledged info              user            seq: all up to it was shown, or nearly sent so
         closed      ok: it left;       user            code
                     info: it lost it
         read        ok                 user            the answer to ``GET /v1/notifications``
nemesis  the fault's invoke: it begins; what it is      chosen: the same, or the edge, credit→rabbitmq;
         name        ok: it is over;    done to:        poison: ids of the events it made that nobody
                     fail: its moment   credit,         can handle
                     did not come       rabbitmq, …
======== =========== ================== =============== =====================================================

A repeated request is an operation of its own under the same key. What funds an account is an operation too:
the ledger may hold nothing that is not in here. Whatever a user may put words into carries their canary,
``canary-<user>``.
"""

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
    """``t``: seconds since the run began. ``process``: who saw it.

    ``type``, as Jepsen has them: an operation is invoked, then ok (it was done), fail (it was not, for
    certain) or info (nobody knows: it may have been done, or may be done later).
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
