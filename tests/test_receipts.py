"""What the trail says of delivery, whatever is stopped or killed: what was pushed, what was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL

import asyncpg
import httpx
import orjson
import pytest

from ledgerbell.stack import Stack
from ledgerbell.tab import Frame, Tab
from shared.testing.servers import PrivatePostgres, PrivateRabbitMQ, Servers
from shared.testing.waiting import until

pytestmark = pytest.mark.servers  # Its own, to be stopped.


@dataclass
class House:
    """What a debit needs to ring, and the broker between."""

    rabbitmq: PrivateRabbitMQ
    stack: Stack

    async def open(self, user: str) -> None:
        """An account and its first notification."""
        await self.stack.open_account(user, "USD")
        await self.stack.add_credits(user, "100.00")

    def screen(self, user: str, cursor: str = "1:0", *, gateway: str = "ws-gateway") -> Screen:
        """A tab of the page at the first gateway."""
        origin = self.stack.gateway_url
        url = self.stack.service_url(gateway)
        return Screen(url, lambda: self.stack.token(user), cursor=cursor, origin=origin)

    def tab(self, user: str, cursor: str) -> Tab:
        """One that acknowledges by itself."""
        return Tab(self.stack.gateway_url, lambda: self.stack.token(user), cursor=cursor)

    async def metric(self, name: str) -> float:
        lines = (await self.stack.metrics("ws-gateway")).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0] == name)

    async def until_metric(self, name: str, at_least: float) -> None:
        async def there() -> bool:
            return await self.metric(name) >= at_least

        await until(there)

    async def trail(self, user: str) -> Trail:
        connection = await asyncpg.connect(self.stack.database_url("notifier"))
        try:
            rows = await connection.fetch(
                "SELECT what, seq, up_to, detail FROM trail_entry"
                " WHERE user_id = $1 AND what IN ('pushed', 'acknowledged') AND epoch = 1 ORDER BY id",
                user,
            )
        finally:
            await connection.close()
        return Trail([dict(row) | orjson.loads(row["detail"]) for row in rows])

    async def until_acknowledged(self, user: str, *sessions: str) -> Trail:
        async def there() -> Trail | None:
            trail = await self.trail(user)
            return trail if {session for session, *_ in trail.acknowledged()} >= set(sessions) else None

        found = await until(there)
        assert found is not None
        return found

    async def until_acknowledged_up_to(self, user: str, seq: int) -> None:
        async def there() -> bool:
            return any(up_to == seq for _, _, up_to in (await self.trail(user)).acknowledged())

        await until(there)

    async def until_pushed(self, user: str, seq: int, tabs: int) -> Trail:
        async def there() -> Trail | None:
            trail = await self.trail(user)
            return trail if trail.tabs_of(seq) >= tabs else None

        found = await until(there)
        assert found is not None
        return found


@dataclass
class Trail:
    """A user's receipts as they are stored."""

    rows: list[dict[str, object]]

    def pushed(self, gateway: object = None) -> list[tuple[int, int, int]]:
        return [
            (int(str(row["seq"])), int(str(row["up_to"])), int(str(row["tabs"])))
            for row in self.rows
            if row["what"] == "pushed" and gateway in (None, row["gateway"])
        ]

    def tabs_of(self, seq: int, gateway: object = None) -> int:
        """To how many tabs it was pushed."""
        return sum(tabs for first, last, tabs in self.pushed(gateway) if first <= seq <= last)

    def acknowledged(self) -> list[tuple[str, int, int]]:
        return [
            (str(row["session"]), int(str(row["seq"])), int(str(row["up_to"])))
            for row in self.rows
            if row["what"] == "acknowledged"
        ]

    def gateways(self) -> set[object]:
        return {row["gateway"] for row in self.rows}


@dataclass
class Screen(Tab):
    """A tab that acknowledges when it is asked to, and not by itself."""

    session: str = ""

    async def show(self, seq: int) -> None:
        await super().send({"type": "ack", "seq": seq})

    async def send(self, frame: Frame) -> None:
        if frame["type"] != "ack":
            await super().send(frame)

    async def until_shown(self, seq: int) -> None:
        await self.until(lambda: self.cursor == f"1:{seq}")

    def _apply(self, frame: Frame) -> None:
        if frame["type"] == "welcome":
            self.session = frame["session"]
        super()._apply(frame)


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with AsyncExitStack() as leaving:
        postgres = await leaving.enter_async_context(PrivatePostgres())
        rabbitmq = await leaving.enter_async_context(PrivateRabbitMQ())
        servers = Servers(postgres.url, rabbitmq.amqp_url, rabbitmq.management_url)
        folder = Path(tmp_path_factory.mktemp("house"))
        log = leaving.enter_context((folder / "log").open("w"))
        services = ["credit", "notifier", "ws-gateway"]
        stack = await leaving.enter_async_context(Stack(servers, folder, services=services, log=log))
        yield House(rabbitmq, stack)


async def test_two_tabs_are_two_sessions_and_one_that_says_nothing_is_pushed_to_and_no_more(
    house: House, user: str
) -> None:
    async with house.screen(user) as one, house.screen(user) as other:
        await house.open(user)
        await house.stack.debit(user, "1.00")
        await house.stack.debit(user, "1.00")
        for tab in (one, other):
            await tab.until_shown(3)
        await one.show(2)
        await house.until_acknowledged(user, one.session)
        await one.show(3)
        await other.show(1)
        trail = await house.until_acknowledged(user, one.session, other.session)
        trail = await house.until_pushed(user, 3, 2)

        assert [trail.tabs_of(seq) for seq in (1, 2, 3, 4)] == [2, 2, 2, 0]
        said = trail.acknowledged()
        assert [(seq, up_to) for session, seq, up_to in said if session == one.session] == [(1, 2), (3, 3)]
        assert [(seq, up_to) for session, seq, up_to in said if session == other.session] == [(1, 1)]
        assert one.session != other.session
        assert len(trail.gateways()) == 1


async def test_a_tab_cannot_acknowledge_what_it_was_not_sent(house: House, user: str) -> None:
    await house.open(user)
    async with house.screen(user) as tab:
        await tab.until_shown(1)
        await tab.show(1_000_000)

        trail = await house.until_acknowledged(user, tab.session)
        assert trail.acknowledged() == [(tab.session, 1, 1)]


async def test_a_tab_acknowledges_the_last_of_a_burst_too_though_it_leaves_at_once(
    house: House, user: str
) -> None:
    await house.open(user)
    async with house.tab(user, "1:0") as staying:
        for _ in range(3):
            await house.stack.debit(user, "1.00")
        await staying.until(lambda: staying.cursor == "1:4")
        await house.until_acknowledged_up_to(user, 4)
    async with house.tab(user, "1:4") as leaving:
        for _ in range(3):
            await house.stack.debit(user, "1.00")
        await leaving.until(lambda: leaving.cursor == "1:7")
    await house.until_acknowledged_up_to(user, 7)


async def test_what_is_replayed_or_polled_is_pushed_too(house: House, user: str) -> None:
    await house.open(user)
    await house.stack.debit(user, "1.00")
    headers = {"authorization": f"Bearer {house.stack.token(user)}"}
    async with httpx.AsyncClient(base_url=house.stack.gateway_url, headers=headers) as http:

        async def polled() -> bool:
            answer = await http.get("/v1/stream?after=1:0")
            return bool(answer.raise_for_status().json()["cursor"] == "1:2")

        await until(polled)
    before = (await house.until_pushed(user, 2, 1)).tabs_of(2)
    async with house.screen(user, "1:1") as tab:
        await tab.until_shown(2)

        trail = await house.until_pushed(user, 2, before + 1)
        assert trail.pushed()[-1] == (2, 2, 1)


async def test_who_comes_later_and_sees_it_in_the_history_acknowledges_what_was_unread(
    house: House, user: str
) -> None:
    await house.open(user)
    await house.stack.debit(user, "1.00")
    headers = {"authorization": f"Bearer {house.stack.token(user)}"}
    async with house.screen(user) as early:
        await early.until_shown(2)
    async with house.screen(user, "1:2") as late:
        await late.show(2)
        await house.until_acknowledged(user, late.session)
    async with httpx.AsyncClient(base_url=house.stack.gateway_url, headers=headers) as http:
        (await http.post("/v1/notifications/read", json={"up_to_seq": 2})).raise_for_status()
    async with house.screen(user, "1:2") as later:
        await later.show(2)  # It was read: nothing to say of it.
        await house.stack.debit(user, "1.00")
        await later.until_shown(3)
        await later.show(3)
        trail = await house.until_acknowledged(user, later.session)

    assert trail.acknowledged() == [(late.session, 1, 2), (later.session, 3, 3)]
    begun = [row.get("sent_from") for row in trail.rows if row["what"] == "acknowledged"]
    assert begun == [3, None], "late was sent nothing itself, and later all that it acknowledged"


@pytest.mark.timeout(120)
async def test_each_gateway_tells_of_its_own_tabs(house: House, user: str) -> None:
    second = await house.stack.replicate("ws-gateway")
    try:
        async with (
            house.screen(user) as one,
            house.screen(user, gateway=second) as two,
            house.screen(user, gateway=second) as three,
        ):
            await house.open(user)
            for tab in (one, two, three):
                await tab.until_shown(1)
                await tab.show(1)
            await house.until_acknowledged(user, one.session, two.session, three.session)
            trail = await house.until_pushed(user, 1, 3)

        assert sorted(trail.tabs_of(1, gateway) for gateway in trail.gateways()) == [1, 2]
    finally:
        await house.stack.supervisor.stop(second)


@pytest.mark.timeout(120)
async def test_with_the_broker_away_receipts_wait_and_keep_their_time(house: House, user: str) -> None:
    async with house.screen(user) as tab:
        await house.open(user)
        await tab.until_shown(1)
        await house.until_pushed(user, 1, 1)
        await house.rabbitmq.stop()
        try:
            await tab.show(1)
            await house.until_metric("gateway_receipts_pending", 1)
            away_until = datetime.now(UTC)
        finally:
            await house.rabbitmq.start()
        trail = await house.until_acknowledged(user, tab.session)

        assert trail.acknowledged() == [(tab.session, 1, 1)]
        [said] = [str(row["acknowledged_at"]) for row in trail.rows if row["what"] == "acknowledged"]
        assert datetime.fromisoformat(said) < away_until
        assert await house.metric('gateway_receipts_lost_total{what="acknowledged"}') == 0
    await house.stack.until_ready()


@pytest.mark.timeout(120)
async def test_what_a_killed_gateway_had_not_told_is_not_in_the_trail_until_the_tab_says_it_again(
    house: House, user: str
) -> None:
    async with house.screen(user) as tab:
        await house.open(user)
        await tab.until_shown(1)
        await house.until_pushed(user, 1, 1)
        first = tab.session
        await house.rabbitmq.stop()
        try:
            await tab.show(1)
            await house.until_metric("gateway_receipts_pending", 1)
            house.stack.supervisor.kill("ws-gateway", SIGKILL)
        finally:
            await house.rabbitmq.start()
        await house.stack.until_ready()
        await tab.until(lambda: tab.session != first and tab.live.is_set())
        await tab.show(1)
        trail = await house.until_acknowledged(user, tab.session)

        assert trail.acknowledged() == [(tab.session, 1, 1)]


@pytest.mark.timeout(120)
async def test_a_gateway_that_is_stopped_tells_what_it_has_gathered(house: House, user: str) -> None:
    async with house.screen(user) as tab:
        await house.open(user)
        await tab.until_shown(1)
        session = tab.session
        heard = await house.metric("gateway_acknowledged_total")
        await tab.show(1)
        await house.until_metric("gateway_acknowledged_total", heard + 1)

        await house.stack.supervisor.stop("ws-gateway")

        try:
            trail = await house.until_acknowledged(user, session)
            assert trail.acknowledged() == [(session, 1, 1)]
            assert trail.tabs_of(1) == 1
        finally:
            await house.stack.supervisor.start("ws-gateway")


async def test_sessions_of_many_users_are_told_apart(house: House, user: str) -> None:
    users = [f"{user}-{n}" for n in range(5)]
    async with AsyncExitStack() as tabs:
        opened = {each: await tabs.enter_async_context(house.screen(each)) for each in users}
        await asyncio.gather(*(house.open(each) for each in users))
        for tab in opened.values():
            await tab.until_shown(1)
            await tab.show(1)
        for each, tab in opened.items():
            trail = await house.until_acknowledged(each, tab.session)
            assert trail.acknowledged() == [(tab.session, 1, 1)]
            assert (await house.until_pushed(each, 1, 1)).tabs_of(1) == 1
