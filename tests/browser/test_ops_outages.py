"""In a real browser: the operator's page while parts of the system are gone, and it must not look well."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from playwright.async_api import Locator, Page, expect

from ledgerbell.stack import Stack
from tests.browser.desk import expect_told, open_ops, panel

pytestmark = pytest.mark.usefixtures("gateway_may_vanish", "services_may_vanish")

BlankTab = Callable[[], Awaitable[Page]]

# Silent after ten seconds; what is parked is counted every five.
SOON_MS = 40_000


def parked(page: Page) -> Locator:
    return page.locator(".tile").filter(has_text="Parked")


def row(page: Page, service: str) -> Locator:
    return panel(page, "Services").get_by_role("row").filter(has_text=service)


@asynccontextmanager
async def stopped(stack: Stack, service: str) -> AsyncIterator[None]:
    await stack.supervisor.stop(service)
    try:
        yield
    finally:
        await stack.supervisor.start(service)


@asynccontextmanager
async def without_database(stack: Stack, service: str) -> AsyncIterator[None]:
    database = f"{stack.corner.name}_{service}"
    admin = await asyncpg.connect(stack.corner.servers.postgres_url)
    try:
        await admin.execute(f'ALTER DATABASE "{database}" CONNECTION LIMIT 0')
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database
        )
        yield
    finally:
        await admin.execute(f'ALTER DATABASE "{database}" CONNECTION LIMIT -1')
        await admin.close()


async def test_nothing_is_said_to_be_parked_nowhere_while_a_database_is_away(
    stack: Stack, blank_tab: BlankTab
) -> None:
    page = await blank_tab()
    await open_ops(stack, page)
    await expect_told(page)
    await expect(row(page, "refund").get_by_role("cell").nth(1)).to_have_text(
        re.compile("[0-9]"), timeout=SOON_MS
    )

    async with without_database(stack, "refund"):
        await expect(parked(page)).to_contain_text("not known of refund", timeout=SOON_MS)
        await expect(parked(page)).not_to_have_class(re.compile("well"))
        await expect(parked(page).locator(".figure")).to_have_text(re.compile("^(–|at least [0-9]+)$"))
        await expect(row(page, "refund").get_by_role("cell").nth(1)).to_have_text("–")

    await expect(parked(page)).not_to_contain_text("not known", timeout=SOON_MS)


async def test_a_service_that_is_gone_keeps_its_row_also_at_a_gateway_that_never_heard_it(
    stack: Stack, blank_tab: BlankTab
) -> None:
    page = await blank_tab()
    await open_ops(stack, page)
    await expect_told(page)
    await expect(row(page, "monitor").get_by_role("cell").first).to_have_text("1", timeout=SOON_MS)

    async with stopped(stack, "monitor"):
        await expect(row(page, "monitor")).to_contain_text(
            re.compile(r"silent for [\d.]+ s"), timeout=SOON_MS
        )
        await expect(parked(page)).to_contain_text("not known of monitor")
        await expect(parked(page)).not_to_have_class(re.compile("well"))
        async with stopped(stack, "ws-gateway"):
            pass
        await expect_told(page)
        await expect(row(page, "monitor")).to_contain_text("not heard of", timeout=SOON_MS)
        await expect(row(page, "notifier").get_by_role("cell").first).to_have_text("1", timeout=SOON_MS)
        await expect(parked(page)).to_contain_text("not known of monitor")
        await expect(parked(page)).not_to_have_class(re.compile("well"))

    await expect(row(page, "monitor").get_by_role("cell").first).to_have_text("1", timeout=SOON_MS)
    await expect(parked(page)).not_to_contain_text("not known", timeout=SOON_MS)


async def test_a_ledger_that_has_stopped_stating_is_said_to_be_silent_since_then(
    stack: Stack, owner: str, blank_tab: BlankTab
) -> None:
    page = await blank_tab()
    await open_ops(stack, page)
    coverage = page.locator(".tile").filter(has_text="Coverage")
    await expect(coverage).to_have_class(re.compile("well"), timeout=SOON_MS)

    async with stopped(stack, "credit"):
        notifier = await asyncpg.connect(stack.database_url("notifier"))
        await notifier.execute("UPDATE coverage_ledger SET stated_until = '2026-01-02 03:04:05+00'")
        await notifier.close()
        silent = page.get_by_role(
            "heading", name=re.compile("^The ledger has not been heard since 2 Jan 2026")
        )
        await expect(silent).to_be_visible(timeout=SOON_MS)
        await expect(coverage).to_have_class(re.compile("alarm"))

    await expect(coverage).to_have_class(re.compile("well"), timeout=SOON_MS)
    await expect(silent).to_have_count(0)
