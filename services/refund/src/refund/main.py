"""Puts the refund service together and runs it; it starts, and waits, without database or broker."""

from __future__ import annotations


def main() -> None:
    raise SystemExit("not yet")
