"""The SDK's client in a tab, without an element: what it heard, popped up and became is kept in the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from playwright.async_api import BrowserContext, Page

from ledgerbell.stack import Stack
from shared.testing.waiting import until

# Where nobody is signed in, the wallet has no client of its own.
BLANK = "/"

START = """
async (token) => {
    const { LedgerbellClient } = await import('/sdk/v1/client.js');
    const client = new LedgerbellClient({ getToken: async () => token });
    const startedAt = Date.now();
    const seen = { seqs: [], toasts: [], errors: [], became: [], counted: [] };
    client.addEventListener('notification', ({ detail }) => seen.seqs.push(detail.seq));
    client.addEventListener('toast', ({ detail }) => seen.toasts.push(detail.seq));
    client.addEventListener('error', ({ detail }) => seen.errors.push(detail.code));
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
    async def open(cls, profile: BrowserContext, stack: Stack, user_id: str) -> Self:
        tab = cls(await profile.new_page(), [])
        tab.page.on("websocket", lambda socket: tab._watch(socket))
        await tab.page.goto(f"{stack.gateway_url}{BLANK}")
        await tab.page.evaluate(START, stack.token(user_id))
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


async def leader_of(*tabs: ClientTab) -> ClientTab:
    """The one tab of these that has the line. Raises TimeoutError when there is not exactly one."""
    found: list[ClientTab] = []

    async def one() -> bool:
        found[:] = [tab for tab in tabs if (await tab.state())["leader"]]
        return len(found) == 1

    await until(one)
    return found[0]
