"""Carries the browser's files: where they are, and nothing else."""

from __future__ import annotations

from pathlib import Path

SDK = Path(__file__).parent / "sdk"
WALLET = Path(__file__).parent / "wallet"
OPS = Path(__file__).parent / "ops"
