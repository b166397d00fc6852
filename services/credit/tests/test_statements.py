"""The ledger's statements: every transfer in exactly one, whoever commits when; and events told again."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest

from credit.adapters import statements
from credit.consumers import SUBSCRIPTIONS
from credit.handlers.statements import tell_again
from shared.events.coverage import Era, Request, StatedTransfer
from shared.events.payment import PaymentSucceeded
from shared.outbox import Outbox
from shared.testing.deliveries import envelope_of
from shared.testing.waiting import until

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from services.credit.tests.conftest import Api, Ledger
    from shared.db import Database
    from shared.db.provision import ServiceDatabase

NEVER = 1e9


@pytest.fixture
def outbox(db: Database) -> Outbox:
    """Its events stay in the table: nothing of it runs."""
    return Outbox(db, "amqp://nobody@127.0.0.1:1/", "credit")


async def state(db: Database) -> None:
    """Make statements until all is stated that is committed: what others have open here holds it up."""

    async def all_is() -> bool:
        await state_what_can_be(db)
        async with db.autocommit() as tx:
            row = await tx.fetchrow("""
                SELECT count(*) AS waiting FROM transfer WHERE xid > (SELECT max(through) FROM statement)
            """)
        assert row is not None
        return bool(row["waiting"] == 0)

    await until(all_is)


async def state_what_can_be(db: Database) -> None:
    while True:
        async with db.transaction() as tx:
            if await statements.make(tx, NEVER) is None:
                return


async def stated(db: Database, user: str) -> list[tuple[int, StatedTransfer]]:
    """All that was ever stated of a user, each with its statement's number."""
    found = []
    async with db.transaction() as tx:
        await tx.execute("UPDATE statement SET told_at = CASE number WHEN 0 THEN told_at END")
        while told := await statements.lock_untold(tx):
            found += [(one.number, each) for one in told for each in one.transfers if each.user_id == user]
            await statements.mark_told(tx, [one.number for one in told])
    return found


async def test_each_transfer_is_stated_once_with_its_event(api: Api, db: Database, ledger: Ledger) -> None:
    user = await api.user_with("10.00")
    await state(db)
    await api.debit(user, "2.50")
    await state(db)

    lines = await stated(db, user)
    events = {row["id"]: row for row in await ledger.events(user)}
    assert [(line.kind, line.amount_minor, line.currency) for _, line in lines] == [
        ("manual", 10_00, "USD"),
        ("deduction", -2_50, "USD"),
    ]
    assert {line.event_id for _, line in lines} == set(events)
    assert all(events[line.event_id]["occurred_at"] == line.created_at for _, line in lines)
    assert lines[0][0] < lines[1][0]


async def test_a_transaction_that_commits_late_is_stated_all_the_same(
    api: Api, db: Database, database: ServiceDatabase
) -> None:
    """While one that began earlier is open, those after it wait to be stated, or it would be missed."""
    early, user = await api.user_with("10.00"), await api.user_with("10.00")
    await state(db)
    late = await asyncpg.connect(database.url)
    async with late.transaction():
        await late.execute(
            """
            INSERT INTO transfer (
                id, kind, user_id, currency, amount_minor, reason, balance_after, held_after,
                version, event_id
            ) VALUES ($1, 'deduction', $2, 'USD', 100, 'r', 0, 0, 9, $1)
            """,
            uuid4(),
            early,
        )
        await api.debit(user, "1.00")
        await state_what_can_be(db)
        assert len(await stated(db, user)) == 1
    await late.close()
    await state(db)

    assert len(await stated(db, early)) == 2
    assert len(await stated(db, user)) == 2


async def test_ten_processes_at_once_leave_no_gap_and_state_nothing_twice(api: Api, db: Database) -> None:
    user = await api.user_with("100.00")

    async def spend() -> None:
        for _ in range(20):
            assert (await api.debit(user, "0.01")).status_code == 201

    spending = [asyncio.create_task(spend()) for _ in range(3)]
    while not all(task.done() for task in spending):
        await asyncio.gather(*(state_what_can_be(db) for _ in range(5)))
    await asyncio.gather(*spending)
    await state(db)

    lines = await stated(db, user)
    assert len(lines) == 61
    assert len({line.id for _, line in lines}) == 61
    async with db.autocommit() as tx:
        numbers = [row["number"] for row in await tx.fetch("SELECT number FROM statement ORDER BY number")]
    assert numbers == list(range(len(numbers)))


async def test_more_than_fits_is_stated_in_several(api: Api, db: Database) -> None:
    user = await api.user_with("100.00")
    await state(db)
    async with db.transaction() as tx:
        for _ in range(3):
            await api.debit(user, "0.01")
        row = await tx.fetchrow("SELECT max(number) AS last FROM statement")
        assert row is not None
    before = row["last"]
    kept, statements.MAX_TRANSFERS = statements.MAX_TRANSFERS, 2
    try:
        await state(db)
    finally:
        statements.MAX_TRANSFERS = kept

    numbers = [number - before for number, _ in await stated(db, user)]
    assert numbers[-3:] == [1, 1, 2]


async def test_while_nothing_moves_it_says_so_once_in_a_while(db: Database) -> None:
    await state(db)
    async with db.transaction() as tx:
        assert await statements.make(tx, NEVER) is None
        assert await statements.make(tx, -1.0) == 0


async def _movements(api: Api, outbox: Outbox) -> str:
    """A user with one transfer of every kind."""
    user = await api.user_with("50.00")
    await api.add(user, "5.00", source="bonus", reason="Wëlcome ✓")
    await api.debit(user, "1.00", service="whatsapp", reference="ORD-1", link="/orders/1")
    hold = (await api.hold(user, "2.00", reference="ORD-2", link="/orders/2")).json()
    assert (await api.end(hold["hold_id"], "post", user)).is_success
    event = PaymentSucceeded(
        payment_id=uuid4(), currency="USD", amount_minor=500, reference="PAY-1", transfer_id=uuid4()
    )
    async with outbox.transaction() as tx:
        await SUBSCRIPTIONS[PaymentSucceeded](tx, envelope_of(event, user), event)
    return user


def _said(row: Record) -> tuple[object, ...]:
    return (row["id"], row["type"], row["user_id"], row["occurred_at"], row["text"])


async def test_told_again_each_event_is_what_it_was_byte_for_byte(
    api: Api, db: Database, ledger: Ledger, outbox: Outbox
) -> None:
    user = await _movements(api, outbox)
    moved = ("credit.added.v1", "credit.deducted.v1")
    before = [_said(row) for row in await ledger.events(user) if row["type"] in moved]
    await state(db)
    transfers = [line.id for _, line in await stated(db, user)]
    await ledger.connection.execute("DELETE FROM outbox WHERE user_id = $1", user)

    for _ in range(2):  # The second time it is on its way already.
        async with outbox.transaction() as tx:
            await tell_again(tx, Request(transfers=[*transfers, uuid4()]))

    assert len(before) == 5
    assert [_said(row) for row in await ledger.events(user)] == before


async def test_deductions_that_were_booked_together_are_told_again_too(
    api: Api, db: Database, ledger: Ledger, outbox: Outbox
) -> None:
    user = await api.user_with("50.00")
    await asyncio.gather(*(api.debit(user, "0.01", reason=f"Debit {n}") for n in range(30)))
    before = [_said(row) for row in await ledger.events(user)]
    await state(db)
    transfers: list[UUID] = [line.id for _, line in await stated(db, user)]
    await ledger.connection.execute("DELETE FROM outbox WHERE user_id = $1", user)

    async with outbox.transaction() as tx:
        await tell_again(tx, Request(transfers=transfers))

    assert len(before) == 31
    assert [_said(row) for row in await ledger.events(user)] == before


async def test_a_statement_asked_for_again_says_the_same(api: Api, db: Database, outbox: Outbox) -> None:
    user = await api.user_with("10.00")
    await state(db)
    ((number, line),) = await stated(db, user)
    async with outbox.transaction() as tx:
        await tell_again(tx, Request(statements=[number, 10**9]))
    async with db.transaction() as tx:
        again = await statements.lock_untold(tx)

    assert [one.number for one in again] == [number]
    assert line in again[0].transfers


async def test_after_a_restore_from_a_dump_it_says_that_it_cannot_state(
    db: Database, owner: Connection[Record]
) -> None:
    await state(db)
    await owner.execute("INSERT INTO statement SELECT max(number) + 1, '4000000000000', now() FROM statement")
    try:
        with pytest.raises(statements.TransactionsBeganAnew):
            await state(db)
    finally:
        await owner.execute("DELETE FROM statement WHERE through = '4000000000000'")


async def test_what_operations_say_to_do_then_has_the_rest_stated_and_nothing_twice(
    api: Api, db: Database, owner: Connection[Record]
) -> None:
    """The dump was made between a booking and its statement."""
    page = Path(__file__).parents[3] / "docs" / "operations.md"
    [steps] = re.findall(r"```sql\nBEGIN;\n(.*?)COMMIT;\n```", page.read_text(), re.DOTALL)
    user = await api.user_with("10.00")
    await state(db)
    dump = owner.transaction()
    await dump.start()
    await owner.execute("INSERT INTO statement SELECT max(number) + 1, '4000000000000', now() FROM statement")
    await owner.execute(
        """
        INSERT INTO transfer (
            id, kind, user_id, currency, amount_minor, reason, balance_after, held_after,
            version, event_id, xid
        ) VALUES ($1, 'deduction', $2, 'USD', 100, 'r', 0, 0, 9, $1, '4000000000001')
        """,
        uuid4(),
        user,
    )

    await owner.execute(steps)

    found = await owner.fetch(
        "SELECT xid = pg_current_xact_id() AS is_new FROM transfer WHERE user_id = $1 ORDER BY version", user
    )
    through = await owner.fetchval("SELECT through::text FROM statement ORDER BY number DESC LIMIT 1")
    await dump.rollback()
    assert [row["is_new"] for row in found] == [None, True]
    assert through == "0"


async def eras(db: Database) -> list[Era]:
    """As the next statement tells them."""
    await state(db)
    async with db.transaction() as tx:
        assert await statements.make(tx, -1.0) == 0
        *_, last = await statements.lock_untold(tx)
        return last.eras


@pytest.mark.parametrize("part", [1, 2, 3], ids=["start", "timeline", "file"])
async def test_an_era_begins_with_the_next_statement_once_the_server_may_have_been_restored(
    db: Database, owner: Connection[Record], part: int
) -> None:
    before = await eras(db)
    assert await eras(db) == before
    await owner.execute(
        "UPDATE statement_era SET server = replace(server, split_part(server, ' ', $1), 'x')", part
    )
    last = await owner.fetchval("SELECT max(number) FROM statement")

    begun, *rest = await eras(db)

    assert rest == before[: statements.MAX_ERAS - 1]
    assert begun.first == last + 1
    assert begun.began > before[0].began
    assert await eras(db) == [begun, *rest]


async def test_an_era_is_later_than_the_one_before_whatever_the_clock_says(
    db: Database, owner: Connection[Record]
) -> None:
    await eras(db)
    ahead = await owner.fetchval(
        "UPDATE statement_era SET began = now() + interval '1 day', server = 'x'"
        " WHERE began = (SELECT max(began) FROM statement_era) RETURNING began"
    )
    try:
        begun, before, *_ = await eras(db)
        assert begun.began > before.began == ahead
    finally:
        await owner.execute("UPDATE statement_era SET began = began - interval '1 day' WHERE began > now()")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM statement",
        "UPDATE statement SET through = '1'",
        "TRUNCATE statement",
        "DELETE FROM statement_era",
        "UPDATE statement_era SET first_number = 1",
    ],
)
async def test_the_service_cannot_unsay_a_statement(ledger: Ledger, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ledger.connection.execute(change)
