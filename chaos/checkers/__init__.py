"""One module an invariant, each a pure function of what was seen and of what is left."""

from chaos.checkers import (
    bank,
    canaries,
    chains,
    coverage,
    drain,
    keys,
    latency,
    notices,
    receipts,
    resources,
    sequence,
    tabs,
    trail,
    transactions,
)
from chaos.finding import Checker

CHECKERS: tuple[Checker, ...] = (
    bank.check,
    transactions.check,
    keys.check,
    chains.check,
    latency.check,
    notices.check,
    sequence.check,
    tabs.check,
    canaries.check,
    drain.check,
    resources.check,
    trail.check,
    receipts.check,
    coverage.check,
)

__all__ = ["CHECKERS"]
