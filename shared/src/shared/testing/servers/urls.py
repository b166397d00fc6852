"""The three URLs that everything runs against, and where they may be named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VARIABLES = ("LEDGERBELL_POSTGRES_URL", "LEDGERBELL_RABBITMQ_URL", "LEDGERBELL_RABBITMQ_MANAGEMENT_URL")


@dataclass(frozen=True, slots=True)
class Servers:
    """Administrators' URLs; the RabbitMQ one is of a virtual host that exists."""

    postgres_url: str = field(repr=False)
    rabbitmq_url: str = field(repr=False)
    rabbitmq_management_url: str = field(repr=False)


class NoServers(Exception):
    """There is nothing to run against; the message says what to set or install."""


def servers_in(environment: Mapping[str, str]) -> Servers | None:
    """The servers the environment names, if it names any; raises NoServers when it names only some."""
    given = {name: environment[name] for name in VARIABLES if environment.get(name)}
    if not given:
        return None
    if missing := [name for name in VARIABLES if name not in given]:
        raise NoServers(f"{', '.join(given)} set without {', '.join(missing)}: all three are needed")
    return Servers(*(given[name] for name in VARIABLES))
