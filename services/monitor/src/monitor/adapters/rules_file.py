"""The file of rules, as it is on the disk at this moment."""

from __future__ import annotations

from pathlib import Path

from monitor.domain.reading import RulesRefused

SHIPPED = Path(__file__).parent / "rules.toml"


def read_text(file: Path) -> str:
    """Raises RulesRefused where there is no such file, or none that can be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesRefused(f"{file}:1: it cannot be read: {error}") from None
