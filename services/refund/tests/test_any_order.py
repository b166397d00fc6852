"""Any order, any repetition, a crash at any moment: all ends, nobody is paid twice, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from credit.consumers import SUBSCRIPTIONS as CREDIT_SUBSCRIPTIONS
from credit.main import build as build_credit
from services.refund.tests.bench import OPERATOR, USER, Bench, deliver, envelopes, open_bench
from shared.testing.crashes import Crash

if TYPE_CHECKING:
    from asyncpg import Record

    from credit.main import Settings as CreditSettings
    from refund.main import Settings
    from services.refund.tests.bench import Callers

T = TypeVar("T")

START = 30_00
PAID, CHARGED = 10_00, 1_00
# How many commits' edges the process lives on for; most of the time for ever.
CRASHES = st.one_of(st.none(), st.none(), st.integers(0, 7))
LINE = st.sampled_from([None, None, None, "before", "after"])
AMOUNTS = st.sampled_from([None, "1.00", "4.00", "7.00", "10.00", "10.01"])
RELEASED = ("rejected", "failed", "cancelled")


class RefundMachine(RuleBasedStateMachine):
    runner: ClassVar[asyncio.Runner]
    bench: ClassVar[Bench]

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def attempt(
        self, work: Coroutine[Any, Any, T], survives: int | None, line: str | None = None
    ) -> T | None:
        """None when the process ended on the way."""
        self.bench.fuse.left, self.bench.line.cut = survives, line
        try:
            return self.wait(work)
        except Crash:
            return None
        finally:
            self.bench.fuse.left = self.bench.line.cut = None

    @initialize()
    def a_user_with_two_payments(self) -> None:
        self.user = self.wait(self.bench.user_with("30.00"))
        self.payments = [self.wait(self.bench.paid(self.user, PAID)) for _ in range(2)]
        self.verifications: list[UUID] = []
        self.ended: set[UUID] = set()
        self.codes: set[UUID] = set()
        self.asked: list[tuple[str, tuple[str, ...], str, dict[str, Any]]] = []
        self.spent = 0

    # ------------------------------------------------------------------ people

    def ask(self, roles: tuple[str, ...], crash: int | None, line: str | None, body: dict[str, Any]) -> None:
        caller = self.user if roles == USER else "op"
        self.asked.append((caller, roles, str(uuid4()), body))
        self.repeat_one(-1, crash, line)

    def repeat_one(self, index: int, crash: int | None, line: str | None) -> None:
        caller, roles, key, body = self.asked[index]
        answer = self.attempt(self.bench.ask(caller, roles=roles, key=key, **body), crash, line)
        assert answer is not None
        # A crash is a 500 here, since the transport outlives the process.
        early = roles == USER and body.get("verification_id", None) in self.open
        assert answer.status_code in (200, 201, 422, 503, *([409] if early else [])) or crash is not None

    @property
    def open(self) -> set[UUID]:
        """Verifications whose code may still come."""
        return set(self.verifications) - self.ended - self.codes

    @rule(which=st.integers(0, 1), amount=AMOUNTS, crash=CRASHES, line=LINE)
    def ask_for_money(self, which: int, amount: str | None, crash: int | None, line: str | None) -> None:
        body = {"payment_id": self.payments[which], "amount": amount}
        self.ask(USER, crash, line, body)

    @rule(which=st.integers(0, 1), amount=AMOUNTS, crash=CRASHES)
    def credit_a_payment_back(self, which: int, amount: str | None, crash: int | None) -> None:
        body = {"payment_id": self.payments[which], "amount": amount, "kind": "credit"}
        self.ask(OPERATOR, crash, None, body)

    @rule()
    def buy(self) -> None:
        self.verifications.append(self.wait(self.bench.bought(self.user, CHARGED)))

    @rule(data=st.data())
    def a_code_comes(self, data: st.DataObject) -> None:
        if self.verifications:
            verification = data.draw(st.sampled_from(self.verifications))
            self.wait(self.bench.code_came(self.user, verification))
            self.codes.add(verification)

    @rule(roles=st.sampled_from([USER, OPERATOR]), crash=CRASHES, data=st.data())
    def ask_for_credits(self, roles: tuple[str, ...], crash: int | None, data: st.DataObject) -> None:
        if self.verifications:
            verification = data.draw(st.sampled_from(self.verifications))
            self.ask(roles, crash, None, {"verification_id": verification})

    @rule(crash=CRASHES, line=LINE, data=st.data())
    def repeat(self, crash: int | None, line: str | None, data: st.DataObject) -> None:
        if self.asked:
            self.repeat_one(data.draw(st.integers(0, len(self.asked) - 1)), crash, line)

    @rule(crash=CRASHES, cancel=st.booleans(), data=st.data())
    def decide(self, crash: int | None, cancel: bool, data: st.DataObject) -> None:
        if rows := self.rows():
            refund = data.draw(st.sampled_from(rows))["id"]
            work = self.bench.cancel(refund, self.user) if cancel else self.bench.process(refund)
            self.attempt(work, crash)

    @rule()
    def spend(self) -> None:
        posted, held = self.wait(self.bench.balance(self.user))
        if posted - held >= 2_00:
            self.wait(self.bench.spend(self.user, "2.00"))
            self.spent += 2_00

    # ------------------------------------------------------------------ events and errands

    @rule(crash=CRASHES, cancelled=st.booleans(), data=st.data())
    def a_verification_ends(self, crash: int | None, cancelled: bool, data: st.DataObject) -> None:
        if self.verifications:
            verification = data.draw(st.sampled_from(self.verifications))
            tell = self.bench.was_cancelled if cancelled else self.bench.timed_out
            self.attempt(tell(self.user, verification, CHARGED), crash)
            self.ended.add(verification)  # Told again in the end, if this was not heard.

    @rule(crash=CRASHES, data=st.data())
    def an_event_arrives(self, crash: int | None, data: st.DataObject) -> None:
        """Perhaps again, perhaps before an older one."""
        ours = self.wait(envelopes(self.bench.outbox, self.user, "refund"))
        theirs = self.wait(envelopes(self.bench.credit_outbox, self.user, "credit"))
        if ours + theirs:
            envelope = data.draw(st.sampled_from(ours + theirs))
            if envelope in ours:
                self.wait(deliver(self.bench.credit_outbox, CREDIT_SUBSCRIPTIONS, envelope))
            else:
                self.attempt(deliver(self.bench.outbox, self.bench.subscriptions, envelope), crash)

    @rule(data=st.data())
    def an_event_is_lost(self, data: st.DataObject) -> None:
        """It was published, and its queue is purged, or its message parked."""
        outbox = data.draw(st.sampled_from([self.bench.outbox, self.bench.credit_outbox]))
        if there := self.wait(envelopes(outbox, self.user, "lost")):
            self.wait(self.bench.lose(outbox, data.draw(st.sampled_from(there)).id))

    @rule(crash=CRASHES, refused=st.booleans(), data=st.data())
    def the_provider_speaks(self, crash: int | None, refused: bool, data: st.DataObject) -> None:
        """Of what it was asked for, and of that anything in any order."""
        if asked := [row for row in self.rows() if row["kind"] == "money" and row["processing_event_id"]]:
            refund = self.as_answered(data.draw(st.sampled_from(asked)))
            self.attempt((self.bench.refused if refused else self.bench.returned)(refund), crash)

    @rule(crash=CRASHES, line=LINE, data=st.data())
    def an_errand_is_due(self, crash: int | None, line: str | None, data: st.DataObject) -> None:
        if due := [row for row in self.rows() if row["due_at"] is not None]:
            self.attempt(self.bench.do(data.draw(st.sampled_from(due))["id"]), crash, line)

    # ------------------------------------------------------------------ what always holds

    def rows(self) -> list[Record]:
        return self.fetch("SELECT * FROM refund WHERE user_id = $1 ORDER BY number")

    def fetch(self, sql: str) -> list[Record]:
        async def fetching() -> list[Record]:
            async with self.bench.outbox.transaction() as tx:
                return await tx.fetch(sql, self.user)

        return self.wait(fetching())

    @staticmethod
    def as_answered(row: Record) -> dict[str, Any]:
        amount = f"{row['amount_minor'] // 100}.{row['amount_minor'] % 100:02}"
        named = {name: row[name] for name in ("user_id", "payment_id", "currency")}
        return {**named, "refund_id": row["id"], "amount": amount}

    @invariant()
    def what_is_reserved_is_what_is_not_given_up(self) -> None:
        reserved = Counter[UUID]()
        for row in self.rows():
            if row["state"] not in RELEASED:
                reserved[row["refundable_id"]] += row["amount_minor"]
        for row in self.fetch("SELECT * FROM refundable WHERE user_id = $1"):
            assert row["reserved_minor"] == reserved[row["id"]] <= row["amount_minor"]

    @invariant()
    def a_verification_is_refunded_by_itself_at_most_once(self) -> None:
        automatic = Counter(row["verification_id"] for row in self.rows() if row["auto"])
        assert all(count == 1 for count in automatic.values())

    @invariant()
    def what_is_said_is_said_once(self) -> None:
        said = Counter(
            (event["type"], event["refund_id"])
            for event in self.wait(self.bench.events(self.user))
            if not event.get("reminder")
        )
        assert all(count == 1 for count in said.values())

    # ------------------------------------------------------------------ how it ends

    def teardown(self) -> None:
        for verification in self.ended:
            self.wait(self.bench.timed_out(self.user, verification, CHARGED))
        while self.settle():
            pass
        self.everything_has_ended()
        self.nobody_is_richer_or_poorer()

    def settle(self) -> bool:
        """Everything arrives, everybody decides, every errand is run; whether there was anything to do."""
        before = [dict(row) for row in self.rows()]
        for row in self.rows():
            if row["state"] == "initiated":
                self.wait(self.bench.process(row["id"]))
            if row["due_at"] is not None:
                self.wait(self.bench.do(row["id"]))
        self.wait(self.bench.carry(self.user))
        for row in self.rows():
            if (row["kind"], row["state"], row["provider_outcome"]) == ("money", "processing", None):
                self.wait(self.bench.returned(self.as_answered(row)))
        return [dict(row) for row in self.rows()] != before

    def everything_has_ended(self) -> None:
        for row in self.rows():
            assert row["state"] in (*RELEASED, "completed")
            assert row["due_at"] is None
        completed = {row["verification_id"] for row in self.rows() if row["state"] == "completed"}
        assert self.ended <= completed

    def nobody_is_richer_or_poorer(self) -> None:
        posted = START - self.spent
        for row in self.rows():
            if row["state"] == "completed":
                posted += row["amount_minor"] if row["kind"] == "credit" else -row["amount_minor"]
        assert self.wait(self.bench.balance(self.user)) == (posted, 0)


def test_whatever_happens_in_whatever_order(
    settings: Settings, credit_settings: CreditSettings, callers: Callers
) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_() -> Bench:
            credit = build_credit(credit_settings)
            await stack.enter_async_context(credit.router.lifespan_context(credit))
            return await stack.enter_async_context(open_bench(settings, credit_settings, credit, callers))

        RefundMachine.runner, RefundMachine.bench = runner, runner.run(open_())
        try:
            run_state_machine_as_test(
                RefundMachine,
                settings=examples(
                    max_examples=15,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
