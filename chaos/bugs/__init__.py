"""Bugs that a run has to find: each a patch, planted in a copy of the packages that it changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATCHES = {patch.stem: patch for patch in sorted(Path(__file__).parent.glob("*.patch"))}

_CHANGED = re.compile(r"^\+\+\+ b/(.+?/src)/", re.MULTILINE)


def plant(bug: str, into: Path) -> Mapping[str, str]:
    """The environment in which Python finds the bug; everything else it finds where it always does.

    Raises CalledProcessError when the patch no longer applies.
    """
    patch = PATCHES[bug]
    sources = sorted(set(_CHANGED.findall(patch.read_text())))
    for source in sources:
        shutil.copytree(ROOT / source, into / source, ignore=shutil.ignore_patterns("__pycache__"))
    # Not a part of a repository that the folder may happen to lie in.
    apart = {**os.environ, "GIT_CEILING_DIRECTORIES": str(into.parent)}
    subprocess.run(["git", "apply", str(patch)], cwd=into, env=apart, check=True, capture_output=True)  # noqa: S603, S607
    found = [str(into / source) for source in sources]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*found, str(ROOT)])}
