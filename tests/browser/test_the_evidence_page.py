"""The page beside a bundle: readable in light and dark, by anybody, and nothing in it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from ledgerbell.evidence import page_of
from shared.testing.evidence import Trail, made_up_trail
from shared.trail import read_bundle
from tests.browser import axe

# Of how many boxes each is made.
PILLS = (
    "() => [...new Set([...document.querySelectorAll('code')].map((code) => code.getClientRects().length))]"
)
TRAIL = made_up_trail()
LAST = TRAIL.entries[-1]
# Of somebody who opened the page later.
LISTED = replace(LAST, detail={**LAST.detail, "session": "5" * 32, "sent_from": 99})
HOSTILE = '</title><script>document.title = "run"</script>"><img src=x onerror="document.title = 1">'


async def shown(page: Page, trail: Trail, folder: Path) -> None:
    file = folder / "case.html"
    file.write_text(page_of(read_bundle(trail.bundle()), "case.jsonl"), encoding="utf-8")
    await page.goto(file.as_uri())


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_page_is_accessible_and_fits(
    chromium: Browser, tmp_path: Path, theme: Literal["light", "dark"], width: int
) -> None:
    size = {"width": width, "height": 800}
    async with await chromium.new_context(viewport=size, color_scheme=theme) as profile:  # type: ignore[arg-type]
        await axe.bring(profile)
        page = await profile.new_page()
        await shown(page, Trail([*TRAIL.entries, LISTED], TRAIL.sealed), tmp_path)
        assert await page.locator(".listed").count() == 1
        assert await axe.violations(page) == []
        assert await page.evaluate("() => document.documentElement.scrollWidth") == width
        assert await page.evaluate(PILLS) == [1]
        ground = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(244, 245, 248)", "dark": "rgb(16, 19, 25)"}[theme]


async def test_a_hostile_name_is_read_as_it_was_written(chromium: Browser, tmp_path: Path) -> None:
    async with await chromium.new_context() as profile:
        page = await profile.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url))
        await shown(page, made_up_trail(user_id=HOSTILE, title=HOSTILE), tmp_path)

        assert (await page.title()).startswith("Evidence of transfer ")
        assert await page.locator("h3").inner_text() == HOSTILE
        assert await page.locator("dd").first.inner_text() == HOSTILE
        assert await page.locator("script, img").count() == 0
        assert complaints == [page.url]
