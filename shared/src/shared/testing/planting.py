"""Plants a patch in a copy of all that services are made of, for a run that is to differ by it alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[4]
# All of them, whichever the patch changes: a run must not mix what belongs to different moments.
SOURCES = [ROOT / "shared/src", *sorted(ROOT.glob("services/*/src"))]


def plant(patch: Path, into: Path) -> Mapping[str, str]:
    """The environment in which Python finds the copy; everything else it finds where it always does.

    Raises CalledProcessError when the patch no longer applies.
    """
    copies = [into / source.relative_to(ROOT) for source in SOURCES]
    for source, copy in zip(SOURCES, copies, strict=True):
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # Not a part of a repository that the folder may happen to lie in.
    apart = {**os.environ, "GIT_CEILING_DIRECTORIES": str(into.parent)}
    subprocess.run(["git", "apply", str(patch)], cwd=into, env=apart, check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*copies, ROOT]))}
