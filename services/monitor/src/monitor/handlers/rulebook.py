"""The rules in force: read at the start, read again when their file changes, never without any."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import Gauge

from monitor.adapters.rules_file import read_text
from monitor.domain.reading import RulesRefused, read_rules
from monitor.domain.rules import Rule
from shared.observability.logs import get_logger

log = get_logger(__name__)

REFUSED = Gauge(
    "monitor_rules_refused", "1 while the file of rules has a fault, and older ones are in force."
)
IN_FORCE = Gauge("monitor_rules", "How many rules are in force.")


class Rulebook:
    """``rules`` are whole: a change is taken at once or not at all."""

    def __init__(self, file: Path, *, poll_seconds: float) -> None:
        """Raises RulesRefused: a monitor without rules would look as if all were well."""
        self._file = file
        self._poll_seconds = poll_seconds
        self._text = read_text(file)
        self._fault = ""
        self.rules: tuple[Rule, ...] = ()
        self._take(self._text)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.look()

    async def look(self) -> None:
        """Read the file again if it is another now."""
        try:
            text = await asyncio.to_thread(read_text, self._file)
            if text != self._text or self._fault:
                self._take(text)
        except RulesRefused as refused:
            self._refuse(str(refused))

    def _take(self, text: str) -> None:
        self.rules = read_rules(text, str(self._file))
        self._text, self._fault = text, ""
        REFUSED.set(0)
        IN_FORCE.set(len(self.rules))
        log.info("rules.taken", file=str(self._file), rules=[rule.name for rule in self.rules])

    def _refuse(self, fault: str) -> None:
        if fault != self._fault:  # Once for each fault, not at every look.
            log.critical("rules.refused", fault=fault, in_force=[rule.name for rule in self.rules])
        self._fault = fault
        REFUSED.set(1)
