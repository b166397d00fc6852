"""The SDK's client in a tab, without an element: what it heard, popped up and became is kept in the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from playwright.async_api import BrowserContext, Page

from ledgerbell.stack import Stack
from shared.testing.waiting import until

# Where nobody is signed in, the wallet has no client of its own.
BLANK = "/"

START = """
async (tokens) => {
    const { LedgerbellClient } = await import('/sdk/v1/client.js');
    const seen = { seqs: [], toasts: [], errors: [], became: [], counted: [], asked: [], resets: [] };
    const getToken = async () => {
        seen.asked.push(tokens[0]);
        return tokens.length > 1 ? tokens.shift() : tokens[0];
    };
    const client = new LedgerbellClient({ getToken });
    const startedAt = Date.now();
    client.addEventListener('notification', ({ detail }) => seen.seqs.push(detail.seq));
    client.addEventListener('toast', ({ detail }) => seen.toasts.push(detail.seq));
    client.addEventListener('error', ({ detail }) => seen.errors.push(detail.code));
    client.addEventListener('reset', () => seen.resets.push(client.state.cursor));
    client.addEventListener('status', ({ detail }) => seen.became.push({ ...detail, at: Date.now() }));
    client.addEventListener('change', () => {
        const { unread } = client.state;
        if (seen.counted.at(-1)?.unread !== unread) seen.counted.push({ unread, at: Date.now() });
    });
    Object.assign(window, { client, seen, startedAt });
    client.start();
}
"""

# The page's own thread stands still, as one does that a runaway loop has.
HANG = "(ms) => { setTimeout(() => { for (const end = Date.now() + ms; Date.now() < end; ); }, 0); }"


@dataclass(frozen=True, slots=True)
class ClientTab:
    """One tab with a started client."""

    page: Page
    sockets: list[bool]
    """Whether each socket this tab has opened is still open."""

    @classmethod
    async def open(
        cls,
        profile: BrowserContext,
        stack: Stack,
        user_id: str,
        *,
        prepare: Callable[[Page], Awaitable[None]] | None = None,
        tokens: Sequence[str | None] = (),
    ) -> Self:
        """``prepare`` is done to the tab while it is empty.

        ``tokens`` are what the site has when it is asked for one, the last of them from then on.
        """
        tab = cls(await profile.new_page(), [])
        tab.page.on("websocket", lambda socket: tab._watch(socket))
        if prepare is not None:
            await prepare(tab.page)
        await tab.page.goto(f"{stack.gateway_url}{BLANK}")
        await tab.page.evaluate(START, list(tokens) or [stack.token(user_id)])
        return tab

    def _watch(self, socket: Any) -> None:
        place = len(self.sockets)
        self.sockets.append(True)
        socket.on("close", lambda _: self.sockets.__setitem__(place, False))

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = await self.page.evaluate("() => ({ ...window.client.state })")
        return state

    async def seen(self, what: str) -> list[Any]:
        seen: list[Any] = await self.page.evaluate("(what) => window.seen[what]", what)
        return seen

    async def seqs_shown(self) -> list[int]:
        """Oldest first."""
        state = await self.state()
        return [item["seq"] for item in reversed(state["items"])]

    async def until_online(self, seconds: float = 30) -> None:
        async def online() -> bool:
            return (await self.state())["transport"] in ("ws", "poll", "tab")

        await until(online, within_seconds=seconds)

    async def until_seen(self, last: int, seconds: float = 30) -> None:
        """Wait until the newest that is shown is this one."""

        async def there() -> bool:
            return bool((await self.state())["cursor"] == f"1:{last}")

        await until(there, within_seconds=seconds)

    async def until_on(self, transport: str) -> None:
        async def there() -> bool:
            return bool((await self.state())["transport"] == transport)

        await until(there, within_seconds=30)

    async def until_unread(self, count: int) -> None:
        """The count says so, and the list agrees with it."""

        async def there() -> bool:
            state = await self.state()
            return bool(state["unread"] == count == sum(not item["read"] for item in state["items"]))

        await until(there)

    async def until_available(self, amount: str) -> None:
        """Of the one currency there is."""

        async def there() -> bool:
            return [balance["available"] for balance in (await self.state())["balances"]] == [amount]

        await until(there)

    async def until_popped_up(self, *seqs: int) -> None:
        """These, each once, in this tab."""

        async def popped() -> bool:
            return len(await self.seen("toasts")) >= len(seqs)

        await until(popped)
        assert await self.seen("toasts") == list(seqs)

    async def until_refused(self) -> dict[str, Any]:
        """The reason."""

        async def refused() -> bool:
            return bool((await self.state())["status"] == "refused")

        await until(refused, within_seconds=30)
        problem: dict[str, Any] = (await self.state())["problem"]
        return problem


async def leader_of(*tabs: ClientTab) -> ClientTab:
    """The one tab of these that has the line. Raises TimeoutError when there is not exactly one."""
    found: list[ClientTab] = []

    async def one() -> bool:
        found[:] = [tab for tab in tabs if (await tab.state())["leader"]]
        return len(found) == 1

    await until(one)
    return found[0]
