"""The whole system, started once for all tests that do not break it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from ledgerbell.stack import Stack
from ledgerbell.tab import Tab
from shared.testing.servers import Servers


@pytest.fixture(scope="session")
async def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Every service as its own process."""
    folder = Path(tmp_path_factory.mktemp("stack"))
    with (folder / "log").open("w") as log:
        async with Stack(servers, folder, name=f"t{uuid4().hex[:8]}", temporary=True, log=log) as running:
            yield running


@pytest.fixture
def user() -> str:
    """A user nobody has met before."""
    return f"user-{uuid4().hex[:12]}"


@pytest.fixture
def tab_of(stack: Stack) -> Callable[[str], Tab]:
    """A tab of a user, not yet open: enter it."""
    return lambda user_id: Tab(stack.gateway_url, lambda: stack.token(user_id))
