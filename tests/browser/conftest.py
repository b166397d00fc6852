"""Real Chromium tabs for the tests, which fail when a page has anything to complain of."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

from ledgerbell.providers import Providers
from ledgerbell.stack import Stack
from shared.testing.waiting import until
from tests.browser.chromium import open_chromium

# Of a socket that its own page gives up while it opens, as who steps down does.
GIVEN_UP = re.compile("WebSocket is closed before the connection is established")
NETWORK_TROUBLE = re.compile(r"net::ERR_|WebSocket connection to")
REFUSAL = re.compile(r"the server responded with a status of 4\d\d")
AWAY = re.compile(r"the server responded with a status of 50[234]")
THE_END = re.compile(r"^Ledgerbell: ")
CORS = re.compile(r"^Ledgerbell: |blocked by CORS policy|net::ERR_FAILED")
# A violation is an event in the page, so a listener put there before anything else hears every one of them.
HEAR_VIOLATIONS = """
    window.violations = [];
    addEventListener('securitypolicyviolation', (event) =>
        window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with open_chromium() as browser:
        yield browser


@pytest.fixture
def gateway_may_vanish() -> None:
    """For tests in which requests have to fail: the browser logs those, and the page is not to blame."""


@pytest.fixture
def refusals_are_logged() -> None:
    """For tests in which the services refuse what is asked: the browser logs that too."""


@pytest.fixture
def services_may_vanish() -> None:
    """For tests in which a service behind the gateway, or its database, is gone for a while."""


@pytest.fixture
def the_end_is_logged() -> None:
    """For tests in which the client stops for good: it says why, to whoever looks after the page."""


@pytest.fixture
def origin_is_refused() -> None:
    """For pages that the gateway does not let in: the browser logs that, and so does the client."""


@pytest.fixture
async def new_profile(
    request: pytest.FixtureRequest, chromium: Browser
) -> AsyncIterator[Callable[[], Awaitable[BrowserContext]]]:
    """Opens browser profiles; at the end no tab of any may have had an error or a violation."""
    complaints: list[str] = []
    profiles: list[BrowserContext] = []
    tolerated = [GIVEN_UP] + [
        pattern
        for fixture, pattern in {
            "gateway_may_vanish": NETWORK_TROUBLE,
            "refusals_are_logged": REFUSAL,
            "services_may_vanish": AWAY,
            "the_end_is_logged": THE_END,
            "origin_is_refused": CORS,
        }.items()
        if fixture in request.fixturenames
    ]

    def hear(message: ConsoleMessage) -> None:
        tolerable = any(pattern.search(message.text) for pattern in tolerated)
        if message.type in ("error", "warning") and not tolerable:
            complaints.append(message.text)

    def watch(page: Page) -> None:
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))

    async def open_one() -> BrowserContext:
        profile = await chromium.new_context(viewport={"width": 1100, "height": 800})
        await profile.add_init_script(HEAR_VIOLATIONS)
        profile.on("page", watch)
        profiles.append(profile)
        return profile

    yield open_one
    for profile in profiles:
        for page in profile.pages:
            complaints += await page.evaluate("() => window.violations ?? []")
        await profile.close()
    assert complaints == []


@pytest.fixture
async def profile(new_profile: Callable[[], Awaitable[BrowserContext]]) -> BrowserContext:
    return await new_profile()


@pytest.fixture
def blank_tab(profile: BrowserContext) -> Callable[[], Awaitable[Page]]:
    """Opens tabs that are still empty, all of one profile."""
    return profile.new_page


@pytest.fixture
def open_tab(stack: Stack, blank_tab: Callable[[], Awaitable[Page]]) -> Callable[[str], Awaitable[Page]]:
    """Opens the page as a user, in a tab that has its own token and socket."""

    async def open_as(user_id: str) -> Page:
        page = await blank_tab()
        await page.goto(f"{stack.gateway_url}/#token={stack.token(user_id)}")
        return page

    return open_as


@pytest.fixture
async def owner(stack: Stack, user: str) -> str:
    """A user with ten dollars, and with the one notification of that already in their history."""
    await stack.open_account(user, "USD")
    await stack.add_credits(user, "10.00")
    headers = {"authorization": f"Bearer {stack.token(user)}"}
    async with httpx.AsyncClient(base_url=stack.gateway_url, headers=headers) as http:

        async def rang() -> bool:
            answer = await http.get("/v1/notifications")
            return len(answer.raise_for_status().json()["items"]) == 1

        await until(rang)
    return user


@pytest.fixture
async def providers(stack: Stack) -> AsyncIterator[Providers]:
    async with httpx.AsyncClient(trust_env=False, timeout=15) as http:
        yield Providers(http, stack.payment_provider_url, stack.sms_provider_url, stack.provider_headers)
