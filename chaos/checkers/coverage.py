"""I14: the product itself knows of every transfer of the ledger, and that its user was shown it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.final import Final
from chaos.finding import Finding, Kind
from chaos.history import Record


def check(_: Sequence[Record], final: Final) -> Iterator[Finding]:
    said, transfers = final.coverage, len(final.transfers)
    if said is None:
        return
    if said.stated < transfers:
        words = f"the ledger has {transfers} transfers, and stated {said.stated}"
        yield Finding("I14", Kind.LOST, words, count=transfers - said.stated)
    elif said.stated > transfers:
        words = f"the ledger has {transfers} transfers, and stated {said.stated}"
        yield Finding("I14", Kind.DOUBLED, words, count=said.stated - transfers)
    if said.holes:
        yield Finding("I14", Kind.LOST, "transfers that no notification shows", count=said.holes)
    if said.statements_missing:
        words = "statements of the ledger were never heard"
        yield Finding("I14", Kind.STUCK, words, count=said.statements_missing)
