"""Bugs that a run has to find, each a patch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PATCHES = {patch.stem: patch for patch in sorted(Path(__file__).parent.glob("*.patch"))}
# Which invariants each breaks: a finding of another one has another cause. An event that is lost is not
# shown, or something waits for it to the end; receipts and the ledger's statements may be lost like it.
BROKEN = {
    "acknowledge-before-commit": {"I4", "I10", "I13", "I14"},
    "inbox-without-its-key": {"I4"},
    "mark-before-publish": {"I4", "I10"},
    "process": {"I4", "I10"},
    "receipts-sent-once": {"I13"},
    "sequence-for-the-counter": {"I5"},
    "statement-counted-twice": {"I14"},
    "trail-afterwards": {"I12"},
}


def is_found(bug: str, findings: Iterable[str]) -> bool:
    """``findings`` are those of a run's summary."""
    return not BROKEN[bug].isdisjoint(finding.partition(" ")[0] for finding in findings)
