"""The verdict on a run: what was lost, doubled, leaked or stuck; or that too little happened to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.checkers import CHECKERS
from chaos.checkers.receipts import answerable
from chaos.checkers.tabs import replayed
from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record
from chaos.operations import operations, parameter, phase_at, windows

FEWEST_OPERATIONS = 20
FEWEST_SESSIONS = 20  # Of more than two hundred tabs.
PHASES = ("load", "faults", "heal", "drained", "read")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``unknown``: why nothing can be said of the run, however little was found in it."""

    seed: int
    operations: int
    faults: int
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]

    @property
    def lost(self) -> int:
        return self._count(Kind.LOST)

    @property
    def doubled(self) -> int:
        return self._count(Kind.DOUBLED)

    @property
    def leaked(self) -> int:
        return self._count(Kind.LEAKED)

    @property
    def stuck(self) -> int:
        return self._count(Kind.STUCK)

    @property
    def red(self) -> bool:
        return bool(self.findings)

    @property
    def green(self) -> bool:
        """All was looked at, and nothing was found."""
        return not self.findings and not self.unknown

    @property
    def line(self) -> str:
        """The last line of a run."""
        return (
            f"chaos: seed {self.seed}, {self.operations} operations, {self.faults} faults,"
            f" lost {self.lost}, doubled {self.doubled}, leaked {self.leaked}, stuck {self.stuck}"
        )

    def _count(self, kind: Kind) -> int:
        return sum(finding.count for finding in self.findings if finding.kind is kind)


def judge(records: Sequence[Record], final: Final) -> Verdict:
    return Verdict(
        seed=int(parameter(records, "seed", 0)),
        operations=sum(operation.invoked for operation in operations(records)),
        faults=sum(fault.injected for fault in windows(records)),
        findings=tuple(finding for check in CHECKERS for finding in check(records, final)),
        unknown=tuple(_unknown(records, final)),
    )


def _unknown(records: Sequence[Record], final: Final) -> Iterator[str]:
    if not records or records[0].f != "run":
        yield "the history does not begin with what run it is of"
    for phase in PHASES:
        if phase_at(records, phase) is None:
            yield f"there was no phase {phase}"
    done = [record for operation in operations(records) for record in operation.oks]
    if len(done) < FEWEST_OPERATIONS:
        yield f"only {len(done)} operations were ok"
    faults = [fault for fault in windows(records) if fault.injected]
    if not faults:
        yield "there were no faults"
    elif not any(
        fault.meets(each.t - each.value.get("seconds", 0), each.t) for fault in faults for each in done
    ):
        yield "no operation was ok during a fault"
    if not final.notifications:
        yield "there was no notification"
    if final.coverage is None:
        yield "nobody said how much of the ledger was shown"
    if final.audit is None or not final.audit.checkpoints:
        yield "no checkpoint of the trail was looked at"
    sessions = answerable(records, final)
    if sessions < parameter(records, "fewest_sessions", FEWEST_SESSIONS):
        yield f"only {sessions} sessions have acknowledged what the trail has to know"
    tabs = replayed(records, final)
    if not tabs:
        yield "there were no tabs"
    quiet = Counter(tab.lives > 0 and bool(tab.known) for tab in tabs)[False]
    if quiet:
        yield f"{quiet} of {len(tabs)} tabs were never shown anything"
