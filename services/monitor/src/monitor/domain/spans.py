"""How long a window is, in words."""

from __future__ import annotations

from datetime import timedelta

_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def in_words(span: timedelta) -> str:
    """``30 minutes``, ``an hour``, ``a day``; of whole minutes."""
    for unit, name in _UNITS:
        number, rest = divmod(span, unit)
        if number and not rest:
            article = "an" if name == "hour" else "a"
            return f"{article} {name}" if number == 1 else f"{number} {name}s"
    raise ValueError("a span is of whole minutes")
