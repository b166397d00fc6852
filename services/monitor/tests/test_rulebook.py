"""Rules are taken without a restart; a broken file changes nothing, and is told of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from monitor.adapters.rules_file import SHIPPED
from monitor.domain.reading import RulesRefused
from monitor.handlers.rulebook import Rulebook
from services.monitor.tests.desk import NOWHERE
from shared.testing.identities import Issuer, auth_keys
from shared.testing.waiting import until
from shared.testing.working import working

GOOD = SHIPPED.read_text()
BROKEN = GOOD.replace("count = 5", "count = five", 1)
FAULT = 1 + BROKEN[: BROKEN.index("count = five")].count("\n")  # Its line.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    return file


def write(file: Path, text: str | None) -> None:
    """None: take it away."""
    file.unlink() if text is None else file.write_text(text)


@pytest.fixture
async def book(file: Path) -> AsyncIterator[Rulebook]:
    book = Rulebook(file, poll_seconds=0.01)
    async with working(book.run):
        yield book


def refused() -> float | None:
    return REGISTRY.get_sample_value("monitor_rules_refused")


async def test_a_change_is_taken_without_a_restart(file: Path, book: Rulebook) -> None:
    assert not any(rule.alert for rule in book.rules)

    write(file, GOOD.replace("alert = false", "alert = true", 1))

    async def taken() -> bool:
        return [rule.alert for rule in book.rules].count(True) == 1

    await until(taken)


async def test_a_broken_reload_keeps_the_old_rules_says_so_once_and_ends_with_a_good_one(
    file: Path, book: Rulebook
) -> None:
    before = book.rules
    with capture_logs() as logs:
        write(file, BROKEN)

        async def told() -> bool:
            return refused() == 1

        await until(told)
        for _ in range(3):
            await book.look()
    assert book.rules is before
    (said,) = [entry for entry in logs if entry["event"] == "rules.refused"]
    assert said["log_level"] == "critical"
    assert said["fault"].startswith(f"{file}:{FAULT}: ")

    write(file, None)
    await book.look()
    assert (book.rules is before, refused()) == (True, 1)

    write(file, GOOD)
    await book.look()
    assert refused() == 0


def test_a_broken_file_at_the_start_refuses_it(file: Path) -> None:
    file.write_text(BROKEN)
    with pytest.raises(RulesRefused):
        Rulebook(file, poll_seconds=1)
    file.unlink()
    with pytest.raises(RulesRefused, match="cannot be read"):
        Rulebook(file, poll_seconds=1)


def test_the_process_ends_and_names_the_line(file: Path, users: Issuer) -> None:
    file.write_text(BROKEN)
    run = subprocess.run(
        [sys.executable, "-m", "monitor"],
        env={
            "LEDGERBELL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "LEDGERBELL_BROKER_URL": NOWHERE,
            "LEDGERBELL_AUTH_KEYS": auth_keys(users.key()),
            "LEDGERBELL_RULES_FILE": str(file),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 1
    assert f"monitor: {file}:{FAULT}: this is not TOML: " in run.stderr
