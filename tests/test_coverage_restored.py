"""The ledger's database goes back to an earlier moment: what it books from then on is missed as before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from shared.testing.waiting import until
from tests.test_coverage import System, open_hole, system

__all__ = ["system"]  # One of this module's own, as its figures are of everything.

pytestmark = pytest.mark.servers

NUMBER_OF = "SELECT min(number) FROM statement JOIN transfer ON xid <= through WHERE id::text = $1"
HEARD = "SELECT heard_up_to FROM coverage_ledger"


@asynccontextmanager
async def without_credit(system: System) -> AsyncIterator[tuple[asyncpg.Connection[asyncpg.Record], str]]:
    """An administrator, and the name of the database that nobody uses meanwhile."""
    name = urlsplit(system.stack.database_url("credit")).path[1:]
    await system.stack.supervisor.stop("credit")
    admin = await asyncpg.connect(system.postgres.url)
    try:
        yield admin, name
    finally:
        await admin.close()
        await system.stack.supervisor.start("credit")


async def until_heard(system: System, transfer: str) -> None:
    async def heard() -> bool:
        number = await system.query("credit", NUMBER_OF, transfer)
        return number is not None and await system.query("notifier", HEARD) >= number

    await until(heard, within_seconds=60, every_seconds=0.2)


@pytest.mark.timeout(240)
async def test_a_transfer_that_is_stated_under_a_number_of_before_is_missed_too(system: System) -> None:
    stack, user = system.stack, f"user-{uuid4().hex[:12]}"
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "10.00")
    await system.until_covered()
    async with without_credit(system) as (admin, name):
        await admin.execute(f"CREATE DATABASE backup TEMPLATE {name}")
    for _ in range(3):
        await stack.debit(user, "1.00", reason="Undone")
        await system.until_covered()
    heard = await system.query("notifier", HEARD)
    async with without_credit(system) as (admin, name):
        await admin.execute(f"DROP DATABASE {name}")
        await admin.execute(f"ALTER DATABASE backup RENAME TO {name}")

    async with system.deaf("notifier.critical", "credit.events", "credit.deducted.v1"):
        transfer = await stack.debit(user, "2.50", reason="Lost")
        await system.forget("credit", "credit.deducted.v1", user)
    found = await open_hole(system, transfer)
    after = await system.until_covered()

    assert await system.query("credit", NUMBER_OF, transfer) <= heard
    assert found["complete"] is False
    assert (after["percent"], after["statements_missing"]) == (100, 0)
    shown = "SELECT count(*) FROM notification WHERE transfer_id::text = $1"
    assert await system.query("notifier", shown, transfer) == 1


@pytest.mark.timeout(120)
async def test_a_server_that_is_only_started_again_states_nothing_twice(system: System) -> None:
    stack, user = system.stack, f"user-{uuid4().hex[:12]}"
    eras = "SELECT count(*) FROM statement_era"
    await stack.open_account(user, "USD")
    await until_heard(system, await stack.add_credits(user, "10.00"))
    before, begun = await system.coverage(), await system.query("credit", eras)
    system.postgres.kill()
    await system.postgres.start()
    await stack.until_ready()

    await until_heard(system, await stack.debit(user, "1.00"))

    assert (await system.coverage())["stated"] == before["stated"] + 1
    assert await system.query("credit", eras) == begun + 1
