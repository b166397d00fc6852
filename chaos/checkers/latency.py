"""I3: money moves as if nothing were wrong while broker, notifier or gateway are away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import LEDGER, Window, is_operation, parameter, windows

# Faults of these, alone, are none of the ledger's business.
GATEWAY = "ws-gateway"
OTHERS = {"rabbitmq", "notifier", GATEWAY}
RECOVERY_SECONDS = 5.0  # What another fault may still do to a request after it is over.
# All that runs is on the same cores, and what was killed starts there again: each bound leaves room for that.
LATENCY_SECONDS = 8.0  # Of the ledger itself.
GATEWAY_SECONDS = 8.0  # Through the gateway, which has every tab on its hands when something is away.
USUAL_SECONDS = 5.0  # Of all but a few, however they come.
FEW = 0.05
ENOUGH = 40  # To tell what is usual.


def check(records: Sequence[Record], _: Final) -> Iterator[Finding]:
    bound = parameter(records, "latency_seconds", LATENCY_SECONDS)
    through_gateway = parameter(records, "gateway_latency_seconds", GATEWAY_SECONDS)
    usual = parameter(records, "usual_latency_seconds", USUAL_SECONDS)
    faults, seen, slow = windows(records), 0, 0
    for record in records:
        if is_operation(record) and record.f in LEDGER and record.type != "invoke":
            seconds = float(record.value.get("seconds", 0))
            if (cause := _only_others(record, seconds, faults)) is None:
                continue
            seen += 1
            slow += seconds > usual
            if words := _held_up(record, seconds, through_gateway if _by_gateway(record) else bound):
                words = f"a {record.f} {words} during {cause.fault} of {cause.target}"
                yield Finding("I3", Kind.STUCK, words, str(record.value["user"]), (record.key,))
    if seen >= ENOUGH and slow > FEW * seen:
        words = f"{slow} of {seen} movements took more than {usual:g} s while others were away"
        yield Finding("I3", Kind.STUCK, words)


def _held_up(record: Record, seconds: float, bound: float) -> str:
    if record.type == "info":
        return f"was not answered ({record.value.get('error', 'no reason')})"
    return f"took {seconds:.3f} s of at most {bound:g} s" if seconds > bound else ""


def _by_gateway(record: Record) -> bool:
    return bool(record.value.get("via") == GATEWAY)


def _only_others(record: Record, seconds: float, faults: Sequence[Window]) -> Window | None:
    """The fault that must not matter, unless there was one that may."""
    began, cause = record.t - seconds, None
    # Through the gateway nothing goes on without it.
    without = OTHERS - {record.value.get("via", GATEWAY)}
    for fault in faults:
        if without & set(fault.target.split("→")):  # One of them, or its connection to another.
            if fault.meets(began, record.t):
                cause = fault
        elif fault.meets(began - RECOVERY_SECONDS, record.t):
            return None
    return cause
