"""Wherever a process ends, whatever the broker repeats or shuffles: each debit rings once on every tab."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chaos.tests.pipeline import Pipeline, Seen, poison, transfer_of
from shared.testing.crashes import Crash
from shared.testing.namespace import namespace
from shared.testing.waiting import until

if TYPE_CHECKING:
    from shared.testing.servers import Servers

T = TypeVar("T")

# How many steps a process survives; None: all.
STEPS = st.sampled_from([None, None, 0, 1, 2, 4])
WHO = st.integers(0, 1)
WHICH = st.integers(0, 3)


class Machine(RuleBasedStateMachine):
    """Two users with two tabs each."""

    credit_url: str
    notifier_url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        users = [f"user-{uuid4()}" for _ in range(2)]
        self.all = Pipeline(self.credit_url, self.notifier_url, users)
        self.wait(self.all.open())
        self.wait(self._arrive())
        self.seen = self.wait(self.all.look())
        self.sound = True

    def wait(self, work: Awaitable[T]) -> T:
        async def waiting() -> T:
            return await work

        return self.runner.run(waiting())

    def survive(self, steps: int | None, work: Awaitable[object]) -> None:
        """Work in a process that may end on the way."""
        self.all.fuse.left = steps
        with suppress(Crash):
            self.wait(work)
        self.all.fuse.left = None

    def teardown(self) -> None:
        try:
            if self.sound:
                self.settle()
        finally:
            self.wait(self.all.close())
            self.runner.close()

    # -------------------------------------------------------------- what happens

    @rule(who=WHO, steps=STEPS)
    def debit(self, who: int, steps: int | None) -> None:
        self.survive(steps, self.all.debit(self.all.users[who]))

    @precondition(lambda self: self.seen.unsent)
    @rule(steps=STEPS, confirms=st.booleans())
    def relay(self, steps: int | None, confirms: bool) -> None:
        self.all.events.confirms = confirms
        self.survive(steps, self.all.publish())
        self.all.events.confirms = True

    @precondition(lambda self: self.all.events.queue)
    @rule(data=st.data(), steps=STEPS)
    def consume(self, data: st.DataObject, steps: int | None) -> None:
        waiting = len(self.all.events.queue)
        order = data.draw(st.permutations(range(waiting)))
        places = order[: data.draw(st.integers(1, waiting))]
        self.survive(steps, self.all.consume(places))

    @precondition(lambda self: self.all.handled)
    @rule(data=st.data())
    def come_again_or_to_harm(self, data: st.DataObject) -> None:
        self.all.events.queue.append(data.draw(st.sampled_from([*self.all.handled, poison()])))

    @precondition(lambda self: self.all.pushes.queue)
    @rule(lost=st.booleans())
    def tell_the_gateway(self, lost: bool) -> None:
        told, self.all.pushes.queue = self.all.pushes.queue, []
        for message in [] if lost else told:
            self.hear(message.body)

    @rule(which=WHICH)
    def come_or_go(self, which: int) -> None:
        browser = self.all.browsers[which]
        if browser.tab is None:
            self.wait(self.all.connect(browser))
        else:
            self.all.disconnect(browser)

    @rule()
    def end_the_gateway(self) -> None:
        self.all.restart_gateway()

    @rule(who=WHO, seq=st.integers(1, 10), steps=STEPS)
    def read(self, who: int, seq: int, steps: int | None) -> None:
        self.survive(steps, self.all.read_up_to(self.all.users[who], seq))

    def settle(self) -> None:
        """All is healed: what waits leaves and arrives, and every tab comes to know all of it."""
        self.wait(self._arrive())
        self.all_holds()
        self.sound = False
        self.wait(self._be_known())
        self.all_holds()
        seen = self.wait(self.all.look())
        for user in self.all.users:
            rung = {transfer for _, _, transfer in seen.stored[user]}
            assert rung == {transfer for transfer, owner in seen.committed.items() if owner == user}
        for browser in self.all.browsers:
            assert browser.client.cursor == f"1:{seen.newest[browser.user]}"
            assert browser.client.balances["USD"]["version"] == len(seen.stored[browser.user])

    async def _arrive(self) -> None:
        while await self.all.publish():
            pass
        while waiting := len(self.all.events.queue):
            await self.all.consume(range(waiting))

    async def _be_known(self) -> None:
        for browser in self.all.browsers:
            if browser.tab is None:
                await self.all.connect(browser)
        told, self.all.pushes.queue = self.all.pushes.queue, []
        for message in told:
            self.all.hub.stored(message.body)
        newest = (await self.all.look()).newest

        async def known() -> bool:
            await self.all.hub.compare_heads()
            for browser in self.all.browsers:
                browser.listen()
            return all(each.client.cursor == f"1:{newest[each.user]}" for each in self.all.browsers)

        await until(known, within_seconds=5)

    def hear(self, body: bytes) -> None:
        async def stored() -> None:
            self.all.hub.stored(body)

        self.wait(stored())

    # -------------------------------------------------------------- what always holds

    @invariant()
    def all_holds(self) -> None:
        self.sound = False  # Until it is seen that it is.
        seen = self.seen = self.wait(self.all.look())
        self._nothing_is_lost_and_nothing_is_made_up(seen)
        for user in self.all.users:
            assert [seq for seq, _, _ in seen.stored[user]] == list(range(1, seen.newest[user] + 1))
        for browser in self.all.browsers:
            browser.listen()
            known = [(each.frame["seq"], each.frame["id"]) for each in browser.client.received]
            beginning = seen.stored[browser.user][: len(known)]
            assert known == [(seq, str(id_)) for seq, id_, _ in beginning]
            assert browser.client.doubled == 0
        self.sound = True

    def _nothing_is_lost_and_nothing_is_made_up(self, seen: Seen) -> None:
        shown = [(transfer, user) for user, rows in seen.stored.items() for _, _, transfer in rows]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= seen.committed.items()
        on_the_way = seen.unsent | {transfer_of(message) for message in self.all.events.queue}
        assert seen.committed.keys() <= on_the_way | {transfer for transfer, _ in shown}


async def test_each_debit_rings_once_wherever_a_process_ends(servers: Servers) -> None:
    async with namespace(servers) as corner:
        credit = await corner.database("credit", "credit.adapters.migrations")
        notifier = await corner.database("notifier", "notifier.adapters.migrations")

        class OnServers(Machine):
            credit_url, notifier_url = credit.url, notifier.url

        await asyncio.to_thread(
            run_state_machine_as_test,
            OnServers,
            settings=settings(
                max_examples=12,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
