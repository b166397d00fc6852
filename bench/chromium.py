"""Real tabs for the rows that are measured in a browser."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import CHROMIUM_FLAGS


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """The system's, headless."""
    path = shutil.which("chromium") or sys.exit("no chromium here: `make setup` installs it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()
