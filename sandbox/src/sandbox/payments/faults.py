"""The payment provider's faults."""

from __future__ import annotations

from sandbox.faults import COMMON, Fault, table

FAULTS = table(
    *COMMON,
    Fault(
        "mismatch",
        "amounts",
        "another amount, currency or reference is paid than was asked for",
        "amount",
        words=("amount", "currency", "reference"),
    ),
    Fault("pending", "creation", "the refund stays pending until the operator ends it"),
    Fault("refuse", "creation", "the refund is refused for good: 422 refund_refused"),
)
