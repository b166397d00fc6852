"""The story ``make demo`` plays: a user with two tabs gets credits, spends some, and runs low."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from uuid import uuid4

import httpx

from ledgerbell.tab import Tab

Sign = Callable[[str, Sequence[str]], str]

TABS = 2
SMALL_DEBITS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tabs got against what the answers promised; latencies in milliseconds from commit to tab."""

    notifications: int
    tabs: int
    lost: int
    doubled: int
    latencies_ms: tuple[float, ...]

    @property
    def line(self) -> str:
        p99 = quantiles(self.latencies_ms, n=100)[98] if len(self.latencies_ms) > 1 else 0.0
        p50 = median(self.latencies_ms) if self.latencies_ms else 0.0
        return (
            f"demo: {self.notifications} notifications to {self.tabs} tabs, {self.lost} lost, "
            f"{self.doubled} doubled, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )

    @property
    def good(self) -> bool:
        return self.lost == 0 and self.doubled == 0


class Wallet:
    """The HTTP calls of the story, all through the gateway."""

    def __init__(self, http: httpx.AsyncClient, user: str, sign: Sign) -> None:
        self._http = http
        self._user = user
        self._sign = sign

    async def open_account(self, currency: str, low_balance_threshold: str) -> None:
        await self._post("", {"currency": currency, "low_balance_threshold": low_balance_threshold})

    async def add_credits(self, amount: str, reason: str) -> str:
        """Returns the transfer's id."""
        body = {"amount": amount, "currency": "USD", "source": "bonus", "reason": reason}
        return await self._post(f"/{self._user}/credits", body, roles=("operator",))

    async def deduct_credits(self, amount: str, reason: str) -> str:
        """Returns the transfer's id."""
        return await self._post("/me/debits", {"amount": amount, "currency": "USD", "reason": reason})

    async def _post(self, path: str, body: dict[str, str], roles: Sequence[str] = ("user",)) -> str:
        caller = self._user if "user" in roles else "demo-operator"
        answer = await self._http.post(
            f"/v1/accounts{path}",
            json=body,
            headers={
                "authorization": f"Bearer {self._sign(caller, roles)}",
                "idempotency-key": str(uuid4()),
            },
        )
        answer.raise_for_status()
        return str(answer.json().get("transfer_id", ""))


async def play(gateway_url: str, sign: Sign, say: Callable[[str], None], user: str) -> Outcome:
    """Play the story for ``user``, who must be new. Raises httpx.HTTPError when a call is refused."""
    async with AsyncExitStack() as stack:
        tabs = [
            await stack.enter_async_context(Tab(gateway_url, lambda: sign(user, ("user",)), f"tab {n + 1}"))
            for n in range(TABS)
        ]
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=gateway_url, trust_env=False, timeout=15)
        )
        say(f"{user} has {TABS} tabs open, gets credits, spends some, and runs low:")
        transfers = await _spend(Wallet(http, user, sign))
        expected = len(transfers) + 1  # And the low balance warning, which moves nothing.
        for tab in tabs:
            try:
                await tab.until(lambda tab=tab: len(tab.received) >= expected)  # type: ignore[misc]  # mypy cannot type a default.
            except TimeoutError:
                say(f"  {tab.name}: only {len(tab.received)} of {expected} came")
        return _report(tabs, transfers, say)


async def _spend(wallet: Wallet) -> list[str]:
    await wallet.open_account("USD", low_balance_threshold="5.00")
    transfers = [
        await wallet.add_credits("10.00", "Welcome bonus"),
        await wallet.deduct_credits("2.50", "WhatsApp verification"),
        await wallet.deduct_credits("1.25", "Telegram verification"),
    ]
    transfers += [
        await wallet.deduct_credits("0.10", f"Number rental, day {n + 1}") for n in range(SMALL_DEBITS)
    ]
    transfers.append(await wallet.deduct_credits("1.00", "Google verification"))
    return transfers


def _report(tabs: list[Tab], transfers: list[str], say: Callable[[str], None]) -> Outcome:
    latencies: list[float] = []
    lost = 0
    for tab in tabs:
        got = [received.frame["transfer_id"] for received in tab.received]
        lost += sum(transfer not in got for transfer in transfers)
        lost += sum(received.frame["kind"] == "credit.low_balance" for received in tab.received) != 1
        for received in tab.received:
            committed = datetime.fromisoformat(received.frame["occurred_at"]).timestamp()
            latencies.append((received.at - committed) * 1000)
            say(f"  {tab.name}  {latencies[-1]:6.1f} ms  {received.text}")
        balance = tab.balances["USD"]["available"]
        say(f"  {tab.name}  balance ${balance}, {tab.unread} unread")
    return Outcome(
        notifications=len(transfers) + 1,
        tabs=len(tabs),
        lost=lost,
        doubled=sum(tab.doubled for tab in tabs),
        latencies_ms=tuple(latencies),
    )
