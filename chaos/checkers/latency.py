"""I3: money moves as if nothing were wrong while broker, notifier or gateway are away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import LEDGER, Window, is_operation, parameter, windows

# Faults of these, alone, are none of the ledger's business.
OTHERS = {"rabbitmq", "notifier", "ws-gateway"}
RECOVERY_SECONDS = 5.0  # What another fault may still do to a request after it is over.
LATENCY_SECONDS = 1.0


def check(records: Sequence[Record], _: Final) -> Iterator[Finding]:
    bound = parameter(records, "latency_seconds", LATENCY_SECONDS)
    faults = windows(records)
    for record in records:
        if is_operation(record) and record.f in LEDGER and record.type != "invoke":
            seconds = float(record.value.get("seconds", 0))
            if (words := _held_up(record, seconds, bound)) and (
                cause := _only_others(record, seconds, faults)
            ):
                words = f"a {record.f} {words} during {cause.fault} of {cause.target}"
                yield Finding("I3", Kind.STUCK, words, str(record.value["user"]), (record.key,))


def _held_up(record: Record, seconds: float, bound: float) -> str:
    if record.type == "info":
        return f"was not answered ({record.value.get('error', 'no reason')})"
    return f"took {seconds:.3f} s of at most {bound:g} s" if seconds > bound else ""


def _only_others(record: Record, seconds: float, faults: Sequence[Window]) -> Window | None:
    """The fault that must not matter, unless there was one that may."""
    began, cause = record.t - seconds, None
    # Through the gateway nothing goes on without it.
    without = OTHERS - {record.value.get("via", "ws-gateway")}
    for fault in faults:
        if without & set(fault.target.split("→")):  # One of them, or its connection to another.
            if fault.meets(began, record.t):
                cause = fault
        elif fault.meets(began - RECOVERY_SECONDS, record.t):
            return None
    return cause
