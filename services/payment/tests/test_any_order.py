"""Anything in any order, crashes between any two steps included: whoever has paid is credited, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from payment.adapters import payments
from payment.adapters.providers.fake import FakeProvider
from payment.domain.errors import StateConflict
from payment.domain.machine import OPEN, State
from payment.domain.payment import Payment
from payment.domain.provider import CheckoutStatus, RefundStatus
from services.payment.tests.desk import NOWHERE, Desk, credited
from shared.db import Database
from shared.http.credit import Credit, Transfer
from shared.money import Money
from shared.testing.crashes import Crash, CrashingOutbox, Fuse

if TYPE_CHECKING:
    from shared.db.provision import ServiceDatabase

T = TypeVar("T")

SUM = 2500
FAULTS = st.sampled_from([None, None, "before", "after"])
CRASHES = st.none() | st.integers(0, 5)  # The steps that the process survives.


class Books:
    """What credit has booked: the side of it that the janitor asks."""

    def __init__(self) -> None:
        self.booked: dict[UUID, Payment] = {}

    async def transfer(self, transfer_id: UUID) -> Transfer | None:
        known = self.booked.get(transfer_id)
        if known is None:
            return None
        return Transfer(transfer_id, known.money.currency, known.money.minor, SUM, 0, 1)


class PaymentMachine(RuleBasedStateMachine):
    database: ServiceDatabase
    begun = Bundle("begun")
    refunds = Bundle("refunds")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.db = Database(self.database.url, application="machine", pool_size=2)
        self.wait(self.db.connect())
        self.fuse = Fuse()
        self.outbox = CrashingOutbox(self.db, NOWHERE, "payment", self.fuse)
        self.provider, self.books = FakeProvider(), Books()
        self.desk = Desk(
            self.db, self.outbox, cast(Credit, self.books), self.provider, self.database.migration_url
        )
        self.user = f"machine-{uuid4()}"
        self.known: dict[UUID, State] = {}
        self.news: list[UUID] = []
        self.asked: list[UUID] = []

    def wait(self, work: Awaitable[T]) -> T:
        async def waiting() -> T:
            return await work

        return self.runner.run(waiting())

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.wait(self.db.close())
            self.runner.close()

    def perhaps(self, work: Awaitable[object], crash: int | None) -> None:
        """Do it, or die on the way. A crash that was not met is called off."""
        self.fuse.left = crash
        with suppress(Crash):
            self.wait(work)
        self.fuse.left = None

    def rows(self, sql: str, *arguments: object) -> list[Any]:
        async def read() -> list[Any]:
            async with self.db.autocommit() as tx:
                return await tx.fetch(sql, *arguments)

        return self.wait(read())

    def payment(self, id_: UUID) -> Payment | None:
        async def read() -> Payment | None:
            async with self.db.autocommit() as tx:
                return await payments.get(tx, id_)

        return self.wait(read())

    @rule(target=begun, fault=st.sampled_from([None, None, "before", "after", "declined"]), crash=CRASHES)
    def begin(self, fault: Any, crash: int | None) -> UUID:
        key = uuid4()
        if fault:
            self.provider.fail_next("make_checkout", fault)
        self.perhaps(self.desk.begin(SUM, user=self.user, key=key), crash)
        self.provider.faults.clear()
        return key

    @rule(id_=begun, how=st.sampled_from(["pay", "pay", "pay", "decline", "mismatch"]))
    def act_at_the_provider(self, id_: UUID, how: str) -> None:
        payment = self.payment(id_)
        if payment is None or payment.reference not in self.provider.checkouts:
            return
        if self.provider.checkouts[payment.reference].status is CheckoutStatus.PAID:
            return
        if how == "decline":
            self.provider.decline(payment.reference)
        else:
            paid = Money(SUM - 1, "USD") if how == "mismatch" else None
            self.provider.pay(payment.reference, paid=paid)

    @rule(id_=begun, again=st.booleans(), fault=FAULTS, crash=CRASHES)
    def webhook(self, id_: UUID, again: bool, fault: Any, crash: int | None) -> None:
        payment = self.payment(id_)
        if payment is None:
            return
        event_id = f"evt-{id_}" if again else str(uuid4())
        webhook = self.wait(self.desk.news(payment, event_id=event_id))
        self.news.append(webhook)
        if fault:
            self.provider.fail_next("look_up", fault)
            self.provider.fail_next("look_up_by_reference", fault)
        self.perhaps(self.desk.webhooks.process(webhook), crash)
        self.provider.faults.clear()

    @rule(id_=begun, overdue=st.booleans(), method=st.sampled_from(["look_up", "expire"]), fault=FAULTS)
    def look(self, id_: UUID, overdue: bool, method: str, fault: Any) -> None:
        self._look(id_, overdue=overdue, fault=(method, fault), crash=None)

    @rule(id_=begun, crash=CRASHES)
    def look_and_crash(self, id_: UUID, crash: int | None) -> None:
        self._look(id_, overdue=True, fault=("look_up", None), crash=crash)

    def _look(self, id_: UUID, *, overdue: bool, fault: tuple[str, Any], crash: int | None) -> None:
        if overdue:
            sql = "UPDATE payment SET deadline = now() WHERE id = $1"
            self.wait(self.desk.owner_execute(sql, id_))
        if fault[1]:
            self.provider.fail_next(fault[0], fault[1])
        self.perhaps(self.desk.janitor.look(id_), crash)
        self.provider.faults.clear()

    @rule(id_=begun)
    def give_up(self, id_: UUID) -> None:
        payment = self.payment(id_)
        if payment is not None:
            with suppress(StateConflict):
                self.wait(self.desk.checkouts.give_up(payment))

    @rule(id_=begun, told=st.booleans(), crash=CRASHES)
    def credit_books(self, id_: UUID, told: bool, crash: int | None) -> None:
        """It books what was announced; its own event may arrive now, again, or not at all."""
        payment = self.payment(id_)
        sql = "SELECT 1 FROM outbox WHERE type = 'payment.succeeded.v1' AND data->>'payment_id' = $1"
        if payment is None or not self.rows(sql, str(id_)):
            return
        self.books.booked[payment.transfer_id] = payment
        if told:
            self.perhaps(self.desk.hear(credited(payment), self.user), crash)

    @rule(target=refunds, id_=begun, minor=st.integers(500, SUM))
    def ask_for_a_refund(self, id_: UUID, minor: int) -> UUID:
        payment = self.payment(id_)
        if payment is None:
            return uuid4()
        refund_id, _ = self.wait(self.desk.refund_of(payment, minor))
        self.asked.append(refund_id)
        return refund_id

    @rule(refund_id=refunds, fault=st.sampled_from([None, "before", "after", "declined"]), crash=CRASHES)
    def look_at_a_refund(self, refund_id: UUID, fault: Any, crash: int | None) -> None:
        if refund_id in self.asked:
            if fault:
                self.provider.fail_next("refund", fault)
            self.perhaps(self.desk.refunds.look(refund_id), crash)
            self.provider.faults.clear()

    @rule(refund_id=refunds)
    def a_bank_returns_a_refund(self, refund_id: UUID) -> None:
        if str(refund_id) in self.provider.refunds:
            self.provider.end_refund(str(refund_id), RefundStatus.FAILED, "returned")
            self.wait(self.desk.refunds.look_all("fake", None, str(refund_id)))

    @invariant()
    def a_success_is_never_undone_and_never_claimed_without_the_money(self) -> None:
        after = {State.SUCCEEDED: (State.COMPLETED,), State.COMPLETED: ()}
        for row in self.rows("SELECT * FROM payment WHERE user_id = $1", self.user):
            state, known = State(row["state"]), self.known.get(row["id"])
            assert known not in after or state is known or state in after[known]
            self.known[row["id"]] = state
            if state in after:
                checkout = self.provider.checkouts[row["reference"]]
                assert checkout.paid == Money(SUM, "USD")

    @invariant()
    def each_thing_is_told_once(self) -> None:
        """But for the success, which credit is told of until it has booked it."""
        sql = """
            SELECT type, data->>'payment_id', count(*) FROM outbox WHERE user_id = $1
                AND type IN ('payment.initiated.v1', 'payment.completed.v1', 'payment.failed.v1',
                    'payment.flagged.v1')
            GROUP BY 1, 2 HAVING count(*) > 1
        """
        assert not self.rows(sql, self.user)

    @invariant()
    def refunds_never_exceed_their_payment(self) -> None:
        for row in self.rows("SELECT id, amount_minor FROM payment WHERE user_id = $1", self.user):
            sql = "SELECT id FROM provider_refund WHERE payment_id = $1"
            given = [self.provider.refunds.get(str(refund["id"])) for refund in self.rows(sql, row["id"])]
            back = sum(one.money.minor for one in given if one and one.status is not RefundStatus.FAILED)
            assert back <= row["amount_minor"]

    def drain(self) -> None:
        """Everything is due and everybody answers: nothing is left open, nobody who paid uncredited."""
        for id_ in self.known:
            # A provider sends its news until they are taken.
            self.news.append(self.wait(self.desk.news(self.there(id_))))
        for _ in range(3):
            for webhook in self.news:
                self.wait(self.desk.webhooks.process(webhook))
            for id_ in self.known:
                self._look(id_, overdue=True, fault=("look_up", None), crash=None)
                payment = self.there(id_)
                if payment.state is State.SUCCEEDED:
                    self.books.booked[payment.transfer_id] = payment
        for id_ in self.known:
            payment = self.there(id_)
            assert payment.state not in (*OPEN, State.SUCCEEDED)
            checkout = self.provider.checkouts.get(payment.reference)
            if checkout is not None and checkout.paid == payment.money:
                assert payment.state in (State.COMPLETED, State.REQUIRES_REVIEW)
            assert (payment.state is State.COMPLETED) <= (payment.transfer_id in self.books.booked)

    def there(self, id_: UUID) -> Payment:
        payment = self.payment(id_)
        assert payment is not None
        return payment


def test_whoever_pays_is_credited_whatever_happens(database: ServiceDatabase) -> None:
    class Machine(PaymentMachine):
        pass

    Machine.database = database
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
