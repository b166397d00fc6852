"""Deductions that go through together: of each becomes what would have become of it alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from credit.adapters import ledger
from credit.adapters.ledger import Decided, Deduction, Outcome
from credit.domain.commands import AddCredits, DeductCredits, Intent
from credit.domain.errors import ClaimedMeanwhile, KeyInFlight, KeyReused
from credit.handlers.accounts import open_account
from credit.handlers.deductions import Deductions
from credit.handlers.movements import add_credits
from shared.money import Money

if TYPE_CHECKING:
    from services.credit.tests.conftest import Ledger
    from shared.db import Database

SHAPES = range(30)
USERS = 4
WISHES = 12


async def funded(db: Database, user: str, minor: int, threshold: int) -> None:
    async with db.transaction() as tx:
        await open_account(tx, user, Money(threshold, "USD"))
        if minor:
            await add_credits(tx, AddCredits(intent(), user, Money(minor, "USD"), "bonus", "Funds"))


def intent(key: str | None = None, fingerprint: str = "f") -> Intent:
    return Intent("test", key or str(uuid4()), fingerprint)


def deduction(user: str, minor: int, of: Intent, currency: str = "USD", by: UUID | None = None) -> Deduction:
    return Deduction.of(DeductCredits(of, user, Money(minor, currency), "Fee", transfer_id=by))


async def one_by_one(db: Database, deductions: Sequence[Deduction]) -> list[Decided]:
    decided: list[Decided] = []
    for each in deductions:
        async with db.autocommit() as tx:
            try:
                decided.append(await ledger.deduct(tx, each))
            except (KeyReused, KeyInFlight) as refused:
                decided.append(refused)
    return decided


def told(decided: Decided) -> object:
    """What can be compared between two users who did the same."""
    if not isinstance(decided, Outcome):
        return type(decided)
    answer = {
        name: decided.answer.get(name)
        for name in ("code", "amount_minor", "available_minor", "balance_after")
    }
    return decided.status, answer, decided.answer.get("version"), [row["type"] for row in decided.events]


@pytest.mark.parametrize("shape", SHAPES)
async def test_together_or_one_by_one_the_same_becomes_of_each(
    db: Database, ledger: Ledger, shape: int
) -> None:
    """Known and reused keys, known transfers, too little money, thresholds, closed and missing accounts."""
    outcomes: list[list[object]] = []
    accounts: list[list[tuple[object, ...]]] = []
    for together in (True, False):
        dice = random.Random(shape)
        mark = f"{uuid4().hex[:8]}-"
        users = [f"{mark}{number}" for number in range(USERS)]
        for user in users:
            await funded(db, user, dice.choice((0, 5, 20, 500)), dice.choice((0, 10, 15)))
        await db_execute(db, "UPDATE account SET closed_at = now() WHERE user_id = $1", users[-1])
        keys, transfers = [str(uuid4()), str(uuid4())], [uuid4()]
        before = [
            deduction(users[0], 1, intent(keys[0])),
            deduction(users[1], 2, intent(keys[1])),
            deduction(users[0], 1, intent(), by=transfers[0]),
        ]
        await one_by_one(db, before)
        wishes = [
            deduction(
                dice.choice([*users, "nobody"]),
                dice.choice((1, 3, 8)),
                intent(),
                dice.choice(("USD",) * 5 + ("EUR",)),
            )
            for _ in range(WISHES)
        ]
        wishes += [
            deduction(users[0], 1, intent(keys[0])),
            deduction(users[1], 2, intent(keys[1], "another body")),
            deduction(users[0], dice.choice((1, 7)), intent(), by=transfers[0]),
        ]
        dice.shuffle(wishes)
        decided = await at_once(db, wishes) if together else await one_by_one(db, wishes)
        outcomes.append([told(each) for each in decided])
        accounts.append(
            [
                tuple(row)
                for row in await ledger.connection.fetch(
                    "SELECT posted, held, version, low_balance_warned_version FROM account"
                    " WHERE user_id = ANY($1) ORDER BY user_id",
                    users,
                )
            ]
        )

    assert outcomes[0] == outcomes[1]
    assert accounts[0] == accounts[1]


async def at_once(db: Database, deductions: Sequence[Deduction]) -> list[Decided]:
    async with db.autocommit() as tx:
        return await ledger.deduct_many(tx, deductions)


async def db_execute(db: Database, sql: str, *arguments: object) -> None:
    async with db.autocommit() as tx:
        await tx.execute(sql, *arguments)


async def test_one_that_is_in_the_way_does_not_take_the_others_with_it(db: Database) -> None:
    """The same transfer under two keys, of which one is committed at the very moment."""
    user = f"user-{uuid4()}"
    await funded(db, user, 500, 0)
    deductions = Deductions(db)
    transfer = uuid4()

    def deduct(by: UUID | None = None) -> asyncio.Task[Outcome]:
        command = DeductCredits(intent(), user, Money(1, "USD"), "Fee", transfer_id=by)
        return asyncio.create_task(deductions.deduct_credits(command))

    async with db.transaction() as tx:
        other = deduction(user, 1, intent(), by=transfer)
        await ledger.deduct(tx, other)
        waiting = [deduct() for _ in range(5)] + [deduct(transfer)] + [deduct() for _ in range(5)]
        done, _ = await asyncio.wait(waiting, timeout=0.2)
        assert done == set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(outcomes.pop(5), ClaimedMeanwhile | Outcome)
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Outcome)] == [201] * 10


async def test_who_goes_away_leaves_the_others_their_outcomes(db: Database) -> None:
    user = f"user-{uuid4()}"
    await funded(db, user, 500, 0)
    deductions = Deductions(db)
    tasks = [
        asyncio.create_task(deductions.deduct_credits(DeductCredits(intent(), user, Money(1, "USD"), "Fee")))
        for _ in range(20)
    ]
    await asyncio.sleep(0)

    tasks[7].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(outcomes.pop(7), asyncio.CancelledError)
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Outcome)] == [201] * 19
