"""axe-core in a page: what keeps somebody from using it, in every shadow root too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page

from shared.testing.node import install

WEB = Path(__file__).parent.parent.parent / "web"
RUN = "() => window.axe.run({ include: [['html']] }, { resultTypes: ['violations'] })"


async def bring(profile: BrowserContext) -> None:
    """Into every page of it; an init script is not of the page, so its policy does not hold it back."""
    install(WEB)
    await profile.add_init_script(path=WEB / "node_modules/axe-core/axe.min.js")


async def violations(page: Page) -> list[str]:
    """Rule and place of each, by axe's own whole set of rules."""
    result: dict[str, Any] = await page.evaluate(RUN)
    assert len(result["passes"]) > 10, "axe has looked at the page"
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
