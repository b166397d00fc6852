"""The whole system, started once for all tests that do not break it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from ledgerbell.stack import Stack
from ledgerbell.tab import Frame, Tab
from monitor.adapters.rules_file import SHIPPED
from shared.testing.servers import Servers
from shared.testing.serving import served
from tests.browser.shop import Shop


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody else's site, whose origin is on the gateway's list."""

    shop: Shop
    url: str


class SilentTab(Tab):
    """It takes what it is sent, and never acknowledges."""

    async def send(self, frame: Frame) -> None:
        if frame["type"] != "ack":
            await super().send(frame)


@pytest.fixture(scope="session")
async def neighbour() -> AsyncIterator[Neighbour]:
    shop = Shop()
    async with served(shop.app) as url:
        yield Neighbour(shop, url)


@pytest.fixture(scope="session")
async def stack(
    servers: Servers, neighbour: Neighbour, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """Every service as its own process."""
    folder, name = Path(tmp_path_factory.mktemp("stack")), f"t{uuid4().hex[:8]}"
    with (folder / "log").open("w") as log:
        async with Stack(
            servers, folder, name=name, temporary=True, sites=[neighbour.url], log=log
        ) as running:
            yield running


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of one rule that alerts: five small debits."""
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    head, _, _ = SHIPPED.read_text().partition("[same-amount]")
    file.write_text(head.replace("alert = false", "alert = true"))
    return file


@pytest.fixture(scope="session")
async def watched(
    servers: Servers, rules: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """The same, with that rule in force."""
    folder, name = Path(tmp_path_factory.mktemp("watched")), f"t{uuid4().hex[:8]}"
    settings = {"rules_file": str(rules), "rules_poll_seconds": "0.05"}
    with (folder / "log").open("w") as log:
        async with Stack(servers, folder, name=name, temporary=True, settings=settings, log=log) as running:
            yield running


@pytest.fixture
def user() -> str:
    """A user nobody has met before."""
    return f"user-{uuid4().hex[:12]}"


@pytest.fixture
def tab_of(stack: Stack) -> Callable[[str], Tab]:
    """A tab of a user, not yet open: enter it."""
    return lambda user_id: Tab(stack.gateway_url, lambda: stack.token(user_id))
