"""The providers there are, by name, and what happens to the rows of one that is taken away."""

from __future__ import annotations

from typing import TypeVar

from shared.providers.errors import ProviderAway

P = TypeVar("P")


class Providers(dict[str, P]):
    """Those that are configured, by name. One that no longer is, is away: its rows are not forgotten."""

    def __missing__(self, name: str) -> P:
        raise ProviderAway(f"{name} is not configured")
