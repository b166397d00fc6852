"""In a real browser: the wallet around its actions: signing in, its addresses, its languages and themes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from ledgerbell.stack import Stack
from shared.testing.servers import Servers
from tests.browser.hands import bell, expect_balance, expect_live, look_at, paid_top_up, record, toasts

OpenTab = Callable[[str], Awaitable[Page]]
BlankTab = Callable[[], Awaitable[Page]]

# Every text in both languages; import() is a script of the page's own, as its policy wants.
CATALOGUES = """async () => {
    const [en, de] = await Promise.all(['en', 'de'].map((name) => import(`/wallet/words/${name}.js`)));
    return [en.default, de.default];
}"""
LIGHT, DARK, WHITE = "rgb(244, 245, 248)", "rgb(16, 19, 25)", "rgb(255, 255, 255)"
# The same in both.
SHARED = {"name", "code", "verifications", "source_bonus"}


@pytest.fixture
async def stranger_to_demos(servers: Servers, tmp_path: Path) -> AsyncIterator[Stack]:
    """A gateway without the demo's sign-in, and little behind it."""
    with (tmp_path / "log").open("w") as log:
        async with Stack(
            servers,
            tmp_path / "stack",
            name=f"t{uuid4().hex[:8]}",
            temporary=True,
            services=["notifier", "ws-gateway"],
            settings={"environment": "production", "demo_sign_in_key": ""},
            log=log,
        ) as stack:
            yield stack


async def sign_in(tab: Page, name: str) -> None:
    await tab.get_by_label("Name").fill(name)
    await tab.get_by_role("button", name="Sign in").click()


# ------------------------------------------------------------------ signing in


@pytest.mark.usefixtures("refusals_are_logged")
async def test_a_name_signs_in_until_the_tab_signs_out_and_no_address_has_a_token(
    stack: Stack, user: str, blank_tab: BlankTab
) -> None:
    tab, other = await blank_tab(), await blank_tab()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    await tab.goto(stack.gateway_url)
    await other.goto(stack.gateway_url)

    await sign_in(tab, f" {user.title()} ")
    await expect_live(tab)
    await tab.get_by_role("button", name="Open an account").click()
    await expect_balance("$0.00", tab)
    await stack.add_credits(user, "7.00")
    await expect_balance("$7.00", tab)
    await tab.reload()
    await expect_live(tab)
    await expect_balance("$7.00", tab)
    await tab.get_by_role("button", name="Account and settings").click()
    await expect(tab.get_by_text(f"Signed in as {user}")).to_be_visible()
    assert sum(url.endswith("/demo/sign-in") for url in asked) == 3
    assert not [url for url in asked if "token=" in url or "eyJ" in url]

    # Another tab is another user's until it says otherwise.
    await expect(other.get_by_label("Name")).to_be_visible()
    await tab.get_by_role("button", name="Sign out").click()
    await expect(tab.get_by_label("Name")).to_be_focused()
    await expect(bell(tab)).to_be_hidden()
    await tab.reload()
    await expect(tab.get_by_label("Name")).to_be_visible()


async def test_what_is_no_name_is_not_sent(stack: Stack, blank_tab: BlankTab) -> None:
    tab = await blank_tab()
    asked: list[str] = []
    await tab.goto(stack.gateway_url)
    tab.on("request", lambda request: asked.append(request.url))

    await sign_in(tab, "no name at all")

    await expect(tab.get_by_role("alert").filter(has_text="Letters a to z")).to_be_visible()
    await expect(tab.get_by_label("Name")).to_be_focused()
    assert not [url for url in asked if "/demo/" in url]


async def test_where_there_is_no_demo_a_token_is_asked_for(
    stranger_to_demos: Stack, chromium: Browser
) -> None:
    async with await chromium.new_context() as profile:
        tab = await profile.new_page()
        await tab.goto(stranger_to_demos.gateway_url)
        await expect(tab.get_by_label("Access token")).to_be_focused()

        await tab.get_by_label("Access token").fill("not one of yours")
        await tab.get_by_role("button", name="Open").click()

        await expect(tab.get_by_role("alert").filter(has_text="You have been signed out")).to_be_visible()
        await expect(tab.get_by_label("Access token")).to_have_value("")
        assert await tab.evaluate("() => sessionStorage.length") == 0


# ------------------------------------------------------------------ its addresses


async def test_a_notifications_link_opens_its_record_in_the_page_that_is_there(
    owner: str, open_tab: OpenTab
) -> None:
    tab = await open_tab(owner)
    await expect_live(tab)
    await paid_top_up(tab, "20.00")
    await look_at(tab, "Refunds")
    await tab.evaluate("() => { window.was = 'here'; }")
    toast = toasts(tab).filter(has_text="Payment Successful")

    await toast.get_by_role("link", name="View").click()

    payment = record(tab, "Payments", "$20.00")
    await expect(payment.get_by_role("heading").get_by_role("button")).to_be_focused()
    await expect(toast).to_have_count(0)
    assert "/payments/" in tab.url
    assert await tab.evaluate("() => window.was") == "here"

    await tab.reload()
    await expect(payment.get_by_role("button", expanded=True)).to_be_visible()
    await tab.locator("ledgerbell-history").get_by_role("link", name="Credits Added").click()
    await expect(record(tab, "Statement", "Top-up")).to_be_visible()


# ------------------------------------------------------------------ its words and colours


async def test_every_word_is_there_in_both_languages(stack: Stack, blank_tab: BlankTab) -> None:
    tab = await blank_tab()
    await tab.goto(stack.gateway_url)

    english, german = await tab.evaluate(CATALOGUES)

    assert german.keys() == english.keys()
    assert {key for key in english if english[key] == german[key]} == SHARED
    assert {key: places(text) for key, text in english.items()} == {
        key: places(text) for key, text in german.items()
    }


def places(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


async def test_the_language_is_the_browsers_until_another_is_chosen(
    stack: Stack, owner: str, chromium: Browser
) -> None:
    async with await chromium.new_context(locale="de-AT") as profile:
        tab = await profile.new_page()
        await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
        await expect(tab.locator("html")).to_have_attribute("lang", "de-AT")
        await expect(tab.locator("ledgerbell-balance [part=amount]")).to_have_text("$ 10,00")
        await expect(tab.locator("ledgerbell-bell").get_by_role("button")).to_have_accessible_name(
            "Mitteilungen, 1 ungelesen"
        )
        for name in ("Codes", "Zahlungen", "Erstattungen", "Auszug"):
            await look_at(tab, name)
            panel = tab.get_by_role("tabpanel", name=name)
            await expect(panel.locator(".record, .empty:visible")).to_be_visible()
        await tab.get_by_role("button", name="Aufladen", exact=True).click()
        await expect(tab.get_by_label("Betrag in USD")).to_have_value("10,00")
        await expect(tab.get_by_role("button", name="$ 10,00 aufladen")).to_be_visible()
        english, german = await tab.evaluate(CATALOGUES)
        said = set((await tab.locator("body").inner_text()).splitlines())
        assert said & set(german.values())
        assert not said & (set(english.values()) - set(german.values()))

        await tab.get_by_role("button", name="Konto und Einstellungen").click()
        await tab.get_by_label("Sprache").select_option("English")

        await expect(tab.locator("html")).to_have_attribute("lang", "en")
        await expect(tab.locator("ledgerbell-balance [part=amount]")).to_have_text("$10.00")
        await tab.reload()
        await expect(tab.get_by_role("button", name="Top up", exact=True)).to_be_visible()


async def test_the_theme_is_the_systems_until_another_is_chosen(
    stack: Stack, owner: str, chromium: Browser
) -> None:
    async with await chromium.new_context(color_scheme="light") as profile:
        tab = await profile.new_page()
        await tab.goto(f"{stack.gateway_url}/#token={stack.token(owner)}")
        await expect(tab.locator("body")).to_have_css("background-color", LIGHT)
        await tab.emulate_media(color_scheme="dark")
        await expect(tab.locator("body")).to_have_css("background-color", DARK)

        await tab.get_by_role("button", name="Account and settings").click()
        await tab.get_by_label("Appearance").select_option("Light")

        await expect(tab.locator("body")).to_have_css("background-color", LIGHT)
        await expect(bell(tab)).to_have_css("background-color", WHITE)
        await tab.reload()
        await expect(bell(tab)).to_have_css("background-color", WHITE)
        await expect(tab.locator("body")).to_have_css("background-color", LIGHT)
