"""pytest fixtures every package's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
    """Whatever needs the servers, directly or through another fixture, is marked so."""
    del config
    for item in items:
        if {"servers", "namespace"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
