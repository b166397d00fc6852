"""Bugs that a run has to find, each a patch."""

from __future__ import annotations

from pathlib import Path

PATCHES = {patch.stem: patch for patch in sorted(Path(__file__).parent.glob("*.patch"))}
