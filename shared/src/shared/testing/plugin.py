"""pytest fixtures every package's tests share."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from shared.observability.logs import configure_logs
from shared.testing.namespace import Namespace
from shared.testing.namespace import namespace as fresh_namespace
from shared.testing.servers import Servers, servers_for_tests


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    """PostgreSQL and RabbitMQ for this run; without any, every test that asks for them fails."""
    async with servers_for_tests() as found:
        yield found


@pytest.fixture(scope="session")
async def namespace(servers: Servers) -> AsyncIterator[Namespace]:
    """This run's own databases and virtual host."""
    async with fresh_namespace(servers) as corner:
        yield corner


def pytest_configure() -> None:
    """Logs as in production: what tests print is what operations will read."""
    configure_logs("tests")
    structlog.configure(cache_logger_on_first_use=False)  # Or `capture_logs` would come too late.


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever needs the servers, directly or through another fixture, is marked so.

    The files that may take longest come first, or one worker would be alone with them at the end.
    """
    del config
    if twice := [id_ for id_, times in Counter(item.nodeid for item in items).items() if times > 1]:
        # xdist would run the first of them only, and say nothing.
        raise pytest.UsageError(f"several tests have the id {twice[0]}")
    longest: dict[Path, float] = {}
    for item in items:
        if {"servers", "namespace"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
        if limit := item.get_closest_marker("timeout"):
            longest[item.path] = max(limit.args[0], longest.get(item.path, 0))
    items.sort(key=lambda item: -longest.get(item.path, 0))
