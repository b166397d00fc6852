"""A bundle as a person reads it: what moved, who was told when, and on which sessions."""

from __future__ import annotations

from ledgerbell.evidence.page import page_of

__all__ = ["page_of"]
