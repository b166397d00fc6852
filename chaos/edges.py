"""A proxy on every edge of the system: whatever a process is told to call is called through one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from chaos.proxy import Edge
from ledgerbell.processes import Command

_CALLS = re.compile(r"^(?:LEDGERBELL|SANDBOX)_(\w+)_URL$")
# What a setting calls by another name than its process has.
_TARGETS = {"broker": "rabbitmq", "database": "postgres", "sandbox": "provider"}


class Edges:
    """By caller and target, such as ``("credit", "rabbitmq")``."""

    def __init__(self) -> None:
        self._entered = AsyncExitStack()
        self._edges: dict[tuple[str, str], Edge] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._entered.aclose()

    def __getitem__(self, edge: tuple[str, str]) -> Edge:
        return self._edges[edge]

    def __iter__(self) -> Iterator[Edge]:
        return iter(self._edges.values())

    def of(self, caller: str) -> list[Edge]:
        return [edge for (each, _), edge in self._edges.items() if each == caller]

    def towards(self, target: str) -> list[Edge]:
        return [edge for (_, each), edge in self._edges.items() if each == target]

    def heal(self) -> None:
        for edge in self:
            edge.heal()

    async def open(self, caller: str, target: str, url: str) -> str:
        """Put a proxy between them; returns its URL, in place of the target's."""
        parts = urlsplit(url)
        upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        edge = await self._entered.enter_async_context(Edge(f"{caller}→{target}", upstream))
        self._edges[caller, target] = edge
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{edge.port}"))

    async def adapt(self, command: Command) -> Command:
        """For ``Stack``: the same process, its calls through our proxies."""
        told = dict(command.environment)
        for name, url in command.environment.items():
            if (called := _CALLS.match(name)) and url:
                target = called[1].lower().replace("_", "-")
                told[name] = await self.open(command.name, _TARGETS.get(target, target), url)
        return replace(command, environment=told)

    def add(self, target: str, url: str) -> None:
        """Another process of the target: calls are passed on to all of them in turn."""
        parts = urlsplit(url)
        for edge in self.towards(target):
            edge.upstreams.append((parts.hostname or "", parts.port or 0))

    def drop(self, target: str, url: str) -> None:
        port = urlsplit(url).port
        for edge in self.towards(target):
            edge.upstreams = [each for each in edge.upstreams if each[1] != port]
