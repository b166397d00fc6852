"""Anything in any order, crashes between any two steps included: whoever has paid is credited, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID, uuid4

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

from payment.adapters import payments
from payment.adapters.providers.fake import FakeProvider
from payment.domain.errors import StateConflict
from payment.domain.machine import RefundState, State
from payment.domain.payment import Payment
from payment.domain.provider import CheckoutStatus, RefundStatus
from services.payment.tests.desk import NOWHERE, Desk, credited, processing, rejected
from shared.db import Database, Transaction
from shared.http.credit import Credit, Transfer
from shared.money import Money
from shared.testing.crashes import Crash, CrashingOutbox, Fuse

if TYPE_CHECKING:
    from shared.db.provision import ServiceDatabase
    from shared.events import Event

T = TypeVar("T")

SUM = 2500
MOST = 6  # Payments, so that much happens to each.
FAULTS = st.sampled_from([None, None, "before", "after", "blind"])
CRASHES = st.none() | st.integers(0, 5)  # The steps that the process survives.


class CrashingDatabase(Database):
    """As a CrashingOutbox, of what is one statement and no transaction."""

    def __init__(self, url: str, fuse: Fuse) -> None:
        super().__init__(url, application="machine", pool_size=2)
        self._fuse = fuse

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Transaction]:
        self._fuse.burn()
        async with super().autocommit() as tx:
            yield tx
        self._fuse.burn()


class Books:
    """What credit has booked: the side of it that the janitor asks."""

    def __init__(self) -> None:
        self.booked: dict[UUID, Payment] = {}

    async def transfer(self, transfer_id: UUID) -> Transfer | None:
        known = self.booked.get(transfer_id)
        if known is None:
            return None
        return Transfer(transfer_id, known.user_id, known.money, SUM, 0, 1)


class PaymentMachine(RuleBasedStateMachine):
    database: ServiceDatabase
    begun = Bundle("begun")
    refunds = Bundle("refunds")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.fuse = Fuse()
        self.db = CrashingDatabase(self.database.url, self.fuse)
        self.wait(self.db.connect())
        self.outbox = CrashingOutbox(self.db, NOWHERE, "payment", self.fuse)
        self.provider, self.books = FakeProvider(), Books()
        self.provider.has_keys = False
        self.desk = Desk(
            self.db, self.outbox, cast(Credit, self.books), self.provider, self.database.migration_url
        )
        self.user = f"machine-{uuid4()}"
        self.known: dict[UUID, State] = {}
        self.news: list[UUID] = []
        self.rejected: set[UUID] = set()
        self.asked: dict[UUID, Event] = {}

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
        try:
            self.wait(work)
        except Crash:
            pass
        finally:
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

    @initialize(can_expire=st.booleans())
    def choose_a_provider(self, can_expire: bool) -> None:
        self.provider.can_expire = can_expire

    @precondition(lambda self: len(self.known) < MOST)
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
        if fault:
            self.provider.fail_next("look_up", fault)
            self.provider.fail_next("look_up_by_reference", fault)
        self.perhaps(self.hear_of(payment, event_id), crash)
        self.provider.faults.clear()

    async def hear_of(self, payment: Payment, event_id: str | None = None) -> None:
        news = await self.desk.news(payment, event_id=event_id, claims_paid=self.is_paid(payment))
        self.news.append(news)
        await self.desk.webhooks.process(news)

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

    @rule(id_=begun, crash=CRASHES)
    def give_up(self, id_: UUID, crash: int | None) -> None:
        payment = self.payment(id_)
        if payment is not None:
            with suppress(StateConflict):
                self.perhaps(self.desk.checkouts.give_up(payment), crash)

    @rule(id_=begun, told=st.booleans(), crash=CRASHES)
    def credit_books(self, id_: UUID, told: bool, crash: int | None) -> None:
        """It books what was announced; its own event may arrive now, again, or not at all."""
        payment = self.announced(id_)
        if payment is None or id_ in self.rejected:
            return
        self.books.booked[payment.transfer_id] = payment
        if told:
            self.perhaps(self.desk.hear(credited(payment), self.user), crash)

    @rule(id_=begun, told=st.booleans(), crash=CRASHES)
    def credit_refuses(self, id_: UUID, told: bool, crash: int | None) -> None:
        """For good, such as where the account is closed."""
        payment = self.announced(id_)
        if payment is None or payment.transfer_id in self.books.booked:
            return
        self.rejected.add(id_)
        if told:
            self.perhaps(self.desk.hear(rejected(payment), self.user), crash)

    def announced(self, id_: UUID) -> Payment | None:
        """The payment, if credit can have heard that it was paid."""
        sql = "SELECT 1 FROM outbox WHERE type = 'payment.succeeded.v1' AND data->>'payment_id' = $1"
        return self.payment(id_) if self.rows(sql, str(id_)) else None

    @rule(target=refunds, id_=begun, minor=st.integers(500, SUM), crash=CRASHES)
    def ask_for_a_refund(self, id_: UUID, minor: int, crash: int | None) -> UUID:
        payment, refund_id = self.payment(id_), uuid4()
        if payment is not None:
            self.asked[refund_id] = processing(payment, refund_id, minor)
            self.perhaps(self.desk.hear(self.asked[refund_id], self.user), crash)
        return refund_id

    @rule(refund_id=refunds, fault=st.sampled_from([None, "before", "after", "declined"]), crash=CRASHES)
    def look_at_a_refund(self, refund_id: UUID, fault: Any, crash: int | None) -> None:
        if self.rows("SELECT 1 FROM provider_refund WHERE id = $1", refund_id):
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
        after: dict[State, tuple[State, ...]] = {State.SUCCEEDED: (State.COMPLETED,), State.COMPLETED: ()}
        for row in self.rows("SELECT * FROM payment WHERE user_id = $1", self.user):
            state, known = State(row["state"]), self.known.get(row["id"])
            refused = state is State.REQUIRES_REVIEW and row["id"] in self.rejected
            assert known not in after or state is known or state in after[known] or refused
            self.known[row["id"]] = state
            if state in after:
                checkout = self.provider.checkouts[row["reference"]]
                assert checkout.paid == Money(SUM, "USD")

    @invariant()
    def each_thing_is_told_once(self) -> None:
        """But for the success, of which credit is told until it has booked it; each review has its reason."""
        sql = """
            SELECT type, data->>'payment_id', count(*) FROM outbox WHERE user_id = $1
                AND type IN ('payment.initiated.v1', 'payment.completed.v1', 'payment.failed.v1',
                    'payment.flagged.v1')
            GROUP BY 1, 2, CASE type WHEN 'payment.flagged.v1' THEN data->>'reason' END HAVING count(*) > 1
        """
        assert not self.rows(sql, self.user)

    @invariant()
    def refunds_never_exceed_their_payment(self) -> None:
        for row in self.rows("SELECT id, amount_minor FROM payment WHERE user_id = $1", self.user):
            sql = "SELECT id FROM provider_refund WHERE payment_id = $1"
            given = [self.provider.refunds.get(str(refund["id"])) for refund in self.rows(sql, row["id"])]
            back = sum(one.money.minor for one in given if one and one.status is not RefundStatus.FAILED)
            assert back <= row["amount_minor"]

    @invariant()
    def no_provider_gives_back_a_refund_twice(self) -> None:
        assert len(self.provider.given_back) == len(set(self.provider.given_back))

    def drain(self) -> None:
        """Everything is due and everybody answers: nothing is left open, nobody who paid uncredited."""
        for id_ in self.known:
            # A provider sends its news until they are taken.
            self.wait(self.hear_of(self.there(id_)))
        for _ in range(3):
            for webhook in self.news:
                self.wait(self.desk.webhooks.process(webhook))
            for id_ in self.known:
                self._look(id_, overdue=True, fault=("look_up", None), crash=None)
                payment = self.there(id_)
                if id_ in self.rejected:
                    self.wait(self.desk.hear(rejected(payment), self.user))
                elif payment.state is State.SUCCEEDED:
                    self.books.booked[payment.transfer_id] = payment
        for id_ in self.known:
            self.see_how_it_ended(self.there(id_))
        for refund_id, event in self.asked.items():
            self.see_how_a_refund_ends(refund_id, event)

    def see_how_it_ended(self, payment: Payment) -> None:
        checkout = self.provider.checkouts.get(payment.reference)
        paid = checkout.paid if checkout is not None and self.is_paid(payment) else None
        if paid is None:
            ended = (State.FAILED, State.EXPIRED, State.CANCELLED)
            assert payment.state in ended or payment.reason == "unresolved"
        elif paid != payment.money or payment.id in self.rejected:
            assert payment.state is State.REQUIRES_REVIEW
        else:
            assert payment.state is State.COMPLETED
        assert (payment.state is State.COMPLETED) == (payment.transfer_id in self.books.booked)

    def see_how_a_refund_ends(self, refund_id: UUID, event: Event) -> None:
        """In review is only what was asked for without an answer and can be found nowhere."""
        self.wait(self.desk.hear(event, self.user))  # A broker delivers it until it is taken.
        for _ in range(2):
            self.wait(self.desk.refunds.look(refund_id))
        state = self.wait(self.desk.refund_now(refund_id)).state
        found = self.provider.refunds.get(str(refund_id))
        if found is None:
            assert state in (RefundState.FAILED, RefundState.REQUIRES_REVIEW)
        else:
            returned = found.status is RefundStatus.FAILED
            assert state is (RefundState.FAILED if returned else RefundState.REFUNDED)

    def is_paid(self, payment: Payment) -> bool:
        checkout = self.provider.checkouts.get(payment.reference)
        return checkout is not None and checkout.status is CheckoutStatus.PAID

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
