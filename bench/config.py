"""Where a process of a pipeline finds its servers and listens itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Its own database and virtual host; the port is the gateway's, on 127.0.0.1."""

    database_url: str
    broker_url: str
    port: int
