"""The SMS provider's faults."""

from __future__ import annotations

from sandbox.faults import COMMON, table

FAULTS = table(*COMMON)
