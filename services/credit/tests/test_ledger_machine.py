"""Any movements in any order, repetitions included: the balance is the entries' sum and never negative."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID, uuid4

import asyncpg
import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from credit.adapters import ledger
from credit.adapters.ledger import Deduction, Outcome
from credit.domain.commands import AddCredits, DeductCredits, Intent, PlaceHold, PostHold, VoidHold
from credit.handlers import holds, movements
from credit.handlers.accounts import open_account
from shared.db import Transaction
from shared.money import Money

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from shared.db.provision import ServiceDatabase

CommandT = TypeVar("CommandT")
T = TypeVar("T")

AMOUNTS = st.integers(min_value=1, max_value=50)
THRESHOLD = 40


async def connected(url: str) -> Connection[Record]:
    connection = await asyncpg.connect(url)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )
    return connection


class LedgerMachine(RuleBasedStateMachine):
    """Keeps the simplest possible books beside the ledger's and compares them after every step."""

    url: str
    known_holds = Bundle("known_holds")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.connection = self.wait(connected(self.url))
        self.tx = Transaction(self.connection)
        self.user = f"machine-{uuid4()}"
        self.posted = self.version = self.warnings = 0
        self.armed = True
        self.holds: dict[UUID, tuple[str, int]] = {}
        self.events: Counter[str] = Counter()
        self.answered: list[tuple[Callable[[], Awaitable[Outcome]], Outcome]] = []
        self.wait(open_account(self.tx, self.user, Money(THRESHOLD, "USD")))

    def wait(self, work: Awaitable[T]) -> T:
        async def waiting() -> T:
            return await work

        return self.runner.run(waiting())

    def teardown(self) -> None:
        self.wait(self.connection.close())
        self.runner.close()

    @property
    def held(self) -> int:
        return sum(amount for state, amount in self.holds.values() if state == "placed")

    def run(
        self, handler: Callable[[Transaction, CommandT], Awaitable[Outcome]], command: CommandT
    ) -> Outcome:
        outcome = self.wait(handler(self.tx, command))
        self.answered.append((lambda: handler(self.tx, command), outcome))
        self.events.update(event["type"] for event in outcome.events)
        return outcome

    def moved(self, outcome: Outcome, status: int, before: int) -> None:
        assert outcome.status == status
        self.version += 1
        after = self.posted - self.held
        if after < THRESHOLD <= before and self.armed:
            self.armed = False
            self.warnings += 1
        assert outcome.answer["version"] == self.version
        assert (outcome.answer["balance_after"], outcome.answer["held_after"]) == (after, self.held)

    @staticmethod
    def intent() -> Intent:
        return Intent("machine", str(uuid4()), "f")

    @rule(amount=AMOUNTS)
    def add(self, amount: int) -> None:
        command = AddCredits(self.intent(), self.user, Money(amount, "USD"), "bonus", "r")
        before = self.posted - self.held
        outcome = self.run(movements.add_credits, command)
        self.posted += amount
        self.moved(outcome, 201, before)
        if self.posted - self.held >= THRESHOLD:
            self.armed = True

    @rule(amount=AMOUNTS)
    def deduct(self, amount: int) -> None:
        before = self.posted - self.held
        command = DeductCredits(self.intent(), self.user, Money(amount, "USD"), "r")
        outcome = self.run(ledger.deduct, Deduction.of(command))
        if amount > before:
            assert (outcome.status, outcome.answer["available_minor"]) == (402, before)
        else:
            self.posted -= amount
            self.moved(outcome, 201, before)

    @rule(amount=AMOUNTS, target=known_holds)
    def place(self, amount: int) -> UUID:
        before = self.posted - self.held
        command = PlaceHold(self.intent(), self.user, Money(amount, "USD"), "r", 600, self.user)
        outcome = self.run(holds.place_hold, command)
        if amount > before:
            assert outcome.status == 402
            return multiple()  # type: ignore[return-value]  # Hypothesis' way to say: no new hold.
        hold_id = UUID(str(outcome.answer["id"]))
        self.holds[hold_id] = ("placed", amount)
        self.moved(outcome, 201, before)
        return hold_id

    @rule(hold_id=known_holds)
    def post(self, hold_id: UUID) -> None:
        state, amount = self.holds[hold_id]
        before = self.posted - self.held
        outcome = self.run(holds.post_hold, PostHold(self.intent(), hold_id, self.user, any_user=False))
        if state == "placed":
            self.holds[hold_id] = ("posted", amount)
            self.posted -= amount
            self.moved(outcome, 201, before)
        else:
            assert outcome.status == (201 if state == "posted" else 409)
            assert not outcome.events

    @rule(hold_id=known_holds)
    def void(self, hold_id: UUID) -> None:
        state, amount = self.holds[hold_id]
        before = self.posted - self.held
        outcome = self.run(holds.void_hold, VoidHold(self.intent(), hold_id, self.user, any_user=False))
        if state == "placed":
            self.holds[hold_id] = ("voided", amount)
            self.moved(outcome, 200, before)
        else:
            assert outcome.status == (200 if state == "voided" else 409)
            assert not outcome.events

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.answered:
            again, first = data.draw(st.sampled_from(self.answered))
            outcome = self.wait(again())
            assert (outcome.status, outcome.answer) == (first.status, first.answer)
            assert not outcome.events

    @invariant()
    def the_account_is_what_the_books_say(self) -> None:
        row = self.wait(
            self.connection.fetchrow(
                "SELECT posted, held, version FROM account WHERE user_id = $1", self.user
            )
        )
        assert row is not None
        assert (row["posted"], row["held"], row["version"]) == (self.posted, self.held, self.version)
        assert row["posted"] >= row["held"] >= 0

    @invariant()
    def the_balance_is_the_sum_of_the_entries(self) -> None:
        query = "SELECT coalesce(sum(amount_minor), 0)::bigint FROM entry WHERE user_id = $1"
        assert self.wait(self.connection.fetchval(query, self.user)) == self.posted

    @invariant()
    def every_transfer_sums_to_zero(self) -> None:
        query = """
            SELECT count(*) FROM (
                SELECT FROM transfer t LEFT JOIN entry e ON e.transfer_id = t.id WHERE t.user_id = $1
                GROUP BY t.id HAVING count(e.leg) <> 2 OR sum(e.amount_minor) <> 0
            ) AS unbalanced
        """
        assert self.wait(self.connection.fetchval(query, self.user)) == 0

    @invariant()
    def every_movement_has_one_event(self) -> None:
        rows = self.wait(self.connection.fetch("SELECT type, data FROM outbox WHERE user_id = $1", self.user))
        assert Counter(row["type"] for row in rows) == self.events
        assert self.events["credit.low_balance.v1"] == self.warnings
        versions = [row["data"]["version"] for row in rows if "version" in row["data"]]
        assert sorted(versions) == list(range(1, self.version + 1))


def test_the_ledger_holds_whatever_happens(database: ServiceDatabase) -> None:
    class Machine(LedgerMachine):
        url = database.url

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
