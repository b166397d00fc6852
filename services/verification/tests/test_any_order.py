"""Anything in any order, crashes between any two steps included: nobody pays for what they did not get."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from credit.main import build as build_credit
from services.verification.tests.bench import Bench, Books
from services.verification.tests.fragile import FragileTransport, fragile
from shared.events.verification import (
    VerificationCancelled,
    VerificationCodeReceived,
    VerificationFailed,
    VerificationTimedOut,
)
from shared.http.auth import Identity
from shared.http.credit import CreditAway
from shared.testing.crashes import Crash, Fuse
from shared.testing.identities import Issuer
from verification.adapters.providers.fake import Fails, FakeProvider
from verification.domain.errors import StateConflict, UnknownVerification
from verification.domain.machine import State
from verification.domain.orders import OrderState
from verification.handlers import waiting
from verification.handlers.cancelling import cancel
from verification.main import Settings, named, trade_of

if TYPE_CHECKING:
    from credit.main import Settings as CreditSettings

T = TypeVar("T")

GRANT = 300
ENDED = {
    State.REJECTED,
    State.COMPLETED,
    State.FAILED,
    State.TIMED_OUT,
    State.CANCELLED,
}
PAID = {State.AWAITING_SMS, State.EXPIRING, State.CANCELLING, State.COMPLETED, *ENDED} - {
    State.REJECTED,
    State.FAILED,
}
# Said of none that has not come to it, and never taken back.
ENDS = {
    VerificationCodeReceived.TYPE: State.COMPLETED,
    VerificationFailed.TYPE: State.FAILED,
    VerificationTimedOut.TYPE: State.TIMED_OUT,
    VerificationCancelled.TYPE: State.CANCELLED,
}


class Machine(RuleBasedStateMachine):
    """The user asks, gives up and looks; the provider does what it likes; errands come when they come."""

    ours: Settings
    credits: CreditSettings
    users: Issuer
    wanted = Bundle("wanted")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.asked: list[UUID] = []
        self.crashed = False
        self.wait(self.open())

    def wait(self, work: Awaitable[T]) -> T:
        async def waiting() -> T:
            return await work

        return self.runner.run(waiting())

    async def open(self) -> None:
        self.fuse = Fuse()
        self.app: Any = build_credit(self.credits)
        self.lifespan = self.app.router.lifespan_context(self.app)
        await self.lifespan.__aenter__()
        inner = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.transport = FragileTransport(inner, self.fuse)
        http = httpx.AsyncClient(transport=self.transport, base_url="http://credit")
        self.provider = FakeProvider()
        trade, _ = trade_of(self.ours, named([self.provider]), http)
        self.trade = fragile(trade, self.fuse)
        await trade.db.connect()
        self.books = Books(
            await asyncpg.connect(self.ours.database_url),
            await asyncpg.connect(self.credits.database_url),
            http,
            self.users,
        )
        self.bench = Bench(self.trade, self.provider, self.books)
        self.user = await self.books.user_with(f"{GRANT // 100}.00")

    def teardown(self) -> None:
        try:
            self.wait(self.come_to_rest())
        finally:
            self.wait(self.close())
            self.runner.close()

    async def close(self) -> None:
        await self.books.ours.close()
        await self.books.credit.close()
        await self.trade.db.close()
        await self.lifespan.__aexit__(None, None, None)

    async def attempt(self, work: Awaitable[object], crash_at: int | None) -> None:
        self.fuse.left = crash_at
        try:
            with suppress(Crash, CreditAway, StateConflict, UnknownVerification):
                await work
        finally:
            self.crashed |= self.fuse.burnt_out
            self.fuse.left = None

    CRASHES = st.sampled_from([None, None, *range(7)])
    ERRANDS = st.integers(min_value=1, max_value=3)

    @initialize(target=wanted, runs=st.integers(min_value=0, max_value=2), knows_references=st.booleans())
    def begin(self, runs: int, knows_references: bool) -> UUID:
        self.provider.knows_references = knows_references
        id_ = self.request_one(None)
        for _ in range(runs):
            self.wait(self.bench.run(id_))
        return id_

    @precondition(lambda self: len(self.asked) < 2)
    @rule(crash_at=CRASHES, target=wanted)
    def request(self, crash_at: int | None) -> UUID:
        return self.request_one(crash_at)

    def request_one(self, crash_at: int | None) -> UUID:
        id_ = uuid4()
        self.wait(self.attempt(self.bench.request(self.user, id_), crash_at))
        self.asked.append(id_)
        return id_

    @precondition(lambda self: self.crashed)
    @rule(id_=wanted, crash_at=CRASHES)
    def request_again(self, id_: UUID, crash_at: int | None) -> None:
        self.wait(self.attempt(self.bench.request(self.user, id_), crash_at))

    @rule(id_=wanted, crash_at=CRASHES, times=ERRANDS)
    def run_errand(self, id_: UUID, crash_at: int | None, times: int) -> None:
        self.errand(id_, crash_at, times)

    def errand(self, id_: UUID, crash_at: int | None, times: int) -> None:
        crashes = [crash_at] + [None] * (times - 1)  # Whoever dies is followed by somebody who does not.
        for crash_at in crashes:
            if self.wait(self.known(id_)):
                self.wait(self.attempt(self.bench.run(id_), crash_at))

    @precondition(lambda self: not any(self.provider.failing.values()))
    @rule(call=st.sampled_from(["buy", "find", "check", "cancel", "finish"]), how=st.sampled_from(Fails))
    def provider_fails(self, call: str, how: Fails) -> None:
        fits = {Fails.DECLINES: "buy", Fails.TOO_EARLY: "cancel"}.get(how, call)
        self.provider.failing.setdefault(fits, []).append(how)

    @rule(id_=wanted)
    def all_steps_are_taken(self, id_: UUID) -> None:
        """So the next fruitless look makes it a person's."""
        self.wait(self.books.put(id_, f"attempts = {len(self.trade.pace.steps)}"))

    @rule(calls=st.integers(min_value=1, max_value=2))
    def credit_is_away(self, calls: int) -> None:
        self.transport.away_for = calls

    @precondition(lambda self: self.provider.orders)
    @rule(id_=wanted, code=st.sampled_from(["1111", "2222"]), told=st.booleans())
    def sms(self, id_: UUID, code: str, told: bool) -> None:
        if order_id := self.wait(self.order_of(id_)):
            self.provider.sms(order_id, code)
            if told:
                self.wait(self.attempt(self.observe(id_, order_id), None))

    @precondition(lambda self: self.provider.orders)
    @rule(id_=wanted)
    def ends_at_the_provider(self, id_: UUID) -> None:
        order_id = self.wait(self.order_of(id_))
        if order_id and self.provider.orders[order_id].state is OrderState.PENDING:
            self.provider.over(order_id)

    @rule(id_=wanted, crash_at=CRASHES)
    def give_up(self, id_: UUID, crash_at: int | None) -> None:
        caller = Identity(self.user, frozenset({"user"}), 0)
        self.wait(self.attempt(cancel(self.trade, id_, caller), crash_at))

    @precondition(lambda self: self.provider.orders)
    @rule(id_=wanted, crash_at=CRASHES)
    def deadline(self, id_: UUID, crash_at: int | None) -> None:
        self.wait(self.books.put(id_, "deadline = now() - interval '1 s'"))
        self.errand(id_, crash_at, 1)

    async def observe(self, id_: UUID, order_id: str) -> None:
        await waiting.observe(self.trade, id_, self.provider.orders[order_id])

    async def known(self, id_: UUID) -> bool:
        return bool(await self.books.ours.fetchval("SELECT 1 FROM verification WHERE id = $1", id_))

    async def order_of(self, id_: UUID) -> str | None:
        order_id = await self.books.ours.fetchval("SELECT order_id FROM verification WHERE id = $1", id_)
        return order_id and str(order_id)

    async def come_to_rest(self) -> None:
        """All is well again: provider, credit and errands; nothing may be left hanging."""
        self.provider.failing.clear()
        self.transport.away_for = 0
        for id_ in self.asked:
            if not await self.known(id_):
                continue
            for _ in range(6):
                await self.bench.run(id_)
                await self.books.put(id_, "deadline = now() - interval '1 s'")
            row = await self.books.row(id_)
            assert row["state"] in ENDED, row["state"]
            assert row["due_at"] is None
            assert await self.books.hold(id_) in ("None", "posted", "voided")
        await self.check()

    @invariant()
    def nobody_pays_for_nothing(self) -> None:
        self.wait(self.check())

    async def check(self) -> None:
        assert max(self.provider.bought.values(), default=0) <= 1
        posted = 0
        for row in await self.books.ours.fetch("SELECT * FROM verification WHERE user_id = $1", self.user):
            state, hold = State(row["state"]), await self.books.hold(row["id"])
            posted += hold == "posted"
            assert len(await self.books.deductions(row["id"])) == (hold == "posted")
            if state in (State.FAILED, State.REJECTED):
                assert hold in ("None", "voided"), (state, hold)
            if state in PAID:
                assert hold == "posted", (state, hold)
            if hold == "posted" and state is State.REQUIRES_REVIEW:
                assert row["due_at"] is not None, "nobody looks at what was paid for"
            assert (row["sms_code"] is not None) == (state is State.COMPLETED)
        account = await self.books.account(self.user)
        assert account[0] == GRANT - 100 * posted
        assert account[1] >= 0
        await self.check_events()

    async def check_events(self) -> None:
        query = """
            SELECT data ->> 'verification_id' AS id, o.type, v.state
            FROM outbox o JOIN verification v ON v.id = (data ->> 'verification_id')::uuid
            WHERE o.user_id = $1
        """
        rows = await self.books.ours.fetch(query, self.user)
        counts = Counter((row["id"], row["type"]) for row in rows)
        assert max(counts.values(), default=1) == 1
        for row in rows:
            if row["type"] in ENDS:
                assert row["state"] == ENDS[row["type"]]


def test_nobody_pays_for_nothing_whatever_happens(
    verification_settings: Settings, credit_settings: CreditSettings, users: Issuer
) -> None:
    class Played(Machine):
        ours = verification_settings
        credits = credit_settings

    Played.users = users
    run_state_machine_as_test(
        Played,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
