"""The Chromium that the tests, the pictures and the benchmark look at pages with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

# The first that is there. The whole browser draws a tab whose window has lost the focus once a second, and
# each click there waits for two frames; the shell draws them all.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """The system's, headless. Raises SystemExit where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None) or sys.exit(
        "no Chromium here: `make setup` installs it"
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()
