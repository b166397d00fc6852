"""How long a janitor waits before each of its looks."""

from __future__ import annotations

# Five minutes, an hour, a day, and so on for three days; after that a person has to look.
JANITOR_SECONDS = (300.0, 3600.0, 86400.0, 86400.0, 86400.0)
