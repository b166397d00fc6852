"""The stories ``make demo`` plays: every row of the catalogue rings on every tab of a user, failures too."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles

import httpx

from ledgerbell.customer import Customer, Sign
from ledgerbell.providers import Providers
from ledgerbell.stories import CHAPTERS, Story
from ledgerbell.tab import Tab

TABS = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system runs, and its two sandboxes; ``provider_headers`` are a merchant's there."""

    gateway_url: str
    payments_url: str
    sms_url: str
    provider_headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tabs got against what had to come; latencies in milliseconds from commit to tab."""

    notifications: int
    kinds: int
    tabs: int
    lost: int
    doubled: int
    latencies_ms: tuple[float, ...]

    @property
    def line(self) -> str:
        p99 = quantiles(self.latencies_ms, n=100)[98] if len(self.latencies_ms) > 1 else 0.0
        p50 = median(self.latencies_ms) if self.latencies_ms else 0.0
        return (
            f"demo: {self.notifications} notifications of {self.kinds} kinds to {self.tabs} tabs, "
            f"{self.lost} lost, {self.doubled} doubled, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )

    @property
    def good(self) -> bool:
        return self.lost == 0 and self.doubled == 0


async def play(place: Place, sign: Sign, say: Callable[[str], None], user: str) -> Outcome:
    """Play all stories for ``user``, who must be new. Raises httpx.HTTPError when a call is refused."""
    async with opened(place, sign, user) as (tabs, story):
        for title, chapter in CHAPTERS.items():
            say(f"\n{title}")
            before = len(tabs[0].received)
            await chapter(story)
            for tab in tabs:
                await _say_what_came(tab, before, say)
        return _outcome(tabs, story)


@asynccontextmanager
async def opened(place: Place, sign: Sign, user: str) -> AsyncIterator[tuple[list[Tab], Story]]:
    """A user's tabs, and the story that is told on them."""
    async with AsyncExitStack() as stack:
        tabs = [
            await stack.enter_async_context(
                Tab(place.gateway_url, lambda: sign(user, ("user",)), f"tab {n + 1}")
            )
            for n in range(TABS)
        ]
        gateway = await stack.enter_async_context(
            httpx.AsyncClient(base_url=place.gateway_url, trust_env=False, timeout=15)
        )
        outside = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=15))
        providers = Providers(outside, place.payments_url, place.sms_url, place.provider_headers)
        yield tabs, Story(Customer(gateway, user, sign), providers, tabs)


async def _say_what_came(tab: Tab, before: int, say: Callable[[str], None]) -> None:
    for received in tab.received[before:]:
        say(f"  {tab.name}  {_latency_ms(received.frame, received.at):7.1f} ms  {received.text}")
    balance = tab.balances["USD"]["available"] if "USD" in tab.balances else "0.00"
    say(f"  {tab.name}  balance ${balance}, {tab.unread} unread")


def _outcome(tabs: list[Tab], story: Story) -> Outcome:
    expected = Counter(story.expected)
    shown = [Counter(received.text for received in tab.received) for tab in tabs]
    return Outcome(
        notifications=len(story.expected),
        kinds=len({received.frame["title"] for tab in tabs for received in tab.received}),
        tabs=len(tabs),
        lost=sum((expected - each).total() for each in shown),
        doubled=sum((each - expected).total() for each in shown) + sum(tab.doubled for tab in tabs),
        latencies_ms=tuple(_latency_ms(each.frame, each.at) for tab in tabs for each in tab.received),
    )


def _latency_ms(frame: dict[str, str], at: float) -> float:
    return (at - datetime.fromisoformat(frame["occurred_at"]).timestamp()) * 1000
