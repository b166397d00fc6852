"""The SMS provider's faults."""

from __future__ import annotations

from sandbox.faults import COMMON, Fault, table

FAULTS = table(
    *COMMON,
    Fault(
        "mismatch",
        "amounts",
        "the order costs one minor unit more than the list says",
        "cost",
        words=("cost",),
    ),
)
