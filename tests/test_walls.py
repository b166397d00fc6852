"""A wall that nothing can run into is no wall: one planted violation for each contract."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = (
    "shared/src",
    "web/src",
    "cli/src",
    "sandbox/src",
    *sorted(f"services/{each.name}/src" for each in ROOT.glob("services/*")),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / ".importlinter", copy)
    for source in SOURCES:
        shutil.copytree(
            ROOT / source, copy / source, ignore=shutil.ignore_patterns("__pycache__", "sdk", "wallet", "ops")
        )
    return copy


def test_the_walls_stand(house: Path) -> None:
    status, said = _lint(house)

    assert status == 0, said
    assert "5 kept, 0 broken" in said


@pytest.mark.parametrize(
    ("file", "violation", "contract"),
    [
        (
            "services/notifier/src/notifier/main.py",
            "import credit.domain",
            "Services stand side by side on shared",
        ),
        (
            "shared/src/shared/http/app.py",
            "import notifier",
            "Services stand side by side on shared",
        ),
        (
            "services/credit/src/credit/handlers/__init__.py",
            "import credit.api",
            "Every service has the same rooms, each seeing only those below it",
        ),
        (
            "services/credit/src/credit/utils.py",
            "",
            "Every service has the same rooms, each seeing only those below it",
        ),
        (
            "shared/src/shared/messaging/publisher.py",
            "import shared.outbox",
            "Inside shared, imports go one way",
        ),
        (
            "services/ws-gateway/src/ws_gateway/domain.py",
            "import fastapi",
            "The domain is plain Python",
        ),
        (
            "services/notifier/src/notifier/domain/__init__.py",
            "import shared.db",
            "The domain is plain Python",
        ),
    ],
)
def test_a_planted_violation_is_seen(house: Path, file: str, violation: str, contract: str) -> None:
    planted = house / file
    before = planted.read_text() if planted.exists() else None
    try:
        planted.write_text(f"{before or ''}\n{violation}\n")
        status, said = _lint(house)
    finally:
        planted.write_text(before) if before is not None else planted.unlink()

    assert status == 1, said
    assert f"{contract} BROKEN" in said
    assert "4 kept, 1 broken" in said


def _lint(house: Path) -> tuple[int, str]:
    # The copy goes first, before the packages that are installed for work on them.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(house / source) for source in SOURCES)}
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=house,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr
