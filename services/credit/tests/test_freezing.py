"""Not me: nothing goes out any more until an operator lifts it, and what comes back still comes in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from credit.consumers import freeze_disputed
from credit.handlers.accounts import accounts_of, freeze_account, open_account, unfreeze_account
from shared.events.activity import ActivityDisputed
from shared.money import Money
from shared.outbox import Outbox
from shared.testing.deliveries import envelope_of
from shared.testing.waiting import until

if TYPE_CHECKING:
    import httpx

    from services.credit.tests.conftest import Api
    from shared.db import Database


async def dispute(db: Database, user: str, *, freeze: bool = True) -> None:
    event = ActivityDisputed(flag_id=uuid4(), freeze=freeze)
    async with Outbox(db, "amqp://nobody@127.0.0.1:1/", "credit").transaction() as tx:
        await freeze_disputed(tx, envelope_of(event, user), event)


async def lift(api: Api, user: str, caller: str = "op", role: str = "operator") -> httpx.Response:
    return await api.call("POST", f"/v1/accounts/{user}/unfreeze", caller, roles=(role,))


def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (409, "account_frozen")


@pytest.fixture
async def frozen(api: Api, db: Database) -> str:
    """A user with 10.00 whose account is frozen."""
    user = await api.user_with("10.00")
    await dispute(db, user)
    return user


async def test_a_frozen_account_lets_nothing_out_and_says_why(api: Api, frozen: str) -> None:
    answers = [await api.debit(frozen, "1.00"), await api.hold(frozen, "1.00")]
    answers += [await api.debit(frozen, "99.00")]

    assert all(map(refused, answers))
    balance = await api.balance(frozen)
    assert (balance["available"], balance["frozen"]) == ("10.00", True)


async def test_of_debits_that_go_together_only_the_frozen_are_refused(api: Api, frozen: str) -> None:
    other = await api.user_with("10.00")

    answers = await asyncio.gather(*(api.debit(user, "1.00") for user in [frozen, other] * 4))

    assert [answer.status_code for answer in answers] == [409, 201] * 4
    assert all(map(refused, answers[::2]))


async def test_money_comes_in_and_what_is_held_is_ended_either_way(api: Api, db: Database) -> None:
    user = await api.user_with("10.00")
    post, void = [(await api.hold(user, "2.00")).json()["hold_id"] for _ in range(2)]
    await dispute(db, user)

    assert (await api.add(user, "1.00")).status_code == 201
    assert (await api.end(post, "post", user)).status_code == 201
    assert (await api.end(void, "void", user)).status_code == 200
    assert (await api.balance(user))["available"] == "9.00"


async def test_an_operator_lifts_it_however_often_and_nobody_else(api: Api, frozen: str) -> None:
    assert (await lift(api, frozen, frozen, "user")).status_code == 403
    assert (await lift(api, frozen, "verification", "service")).status_code == 403
    assert refused(await api.debit(frozen, "1.00"))

    for _ in range(2):
        lifted = await lift(api, frozen)
        assert (lifted.status_code, lifted.json()["accounts"][0]["frozen"]) == (200, False)
    assert (await api.debit(frozen, "1.00")).status_code == 201
    assert (await lift(api, f"user-{uuid4()}")).status_code == 404


async def test_all_accounts_of_the_user_are_frozen_and_one_opened_meanwhile_too(
    api: Api, db: Database
) -> None:
    user = await api.user_with("10.00")
    await api.call("POST", "/v1/accounts", user, {"currency": "EUR"})
    await dispute(db, user)
    await api.call("POST", "/v1/accounts", user, {"currency": "GBP"})

    for currency in ("USD", "EUR", "GBP"):
        await api.add(user, "1.00", currency=currency)
        assert refused(await api.debit(user, "1.00", currency=currency))


async def test_an_account_that_is_opened_while_the_others_are_being_frozen_is_frozen(
    api: Api, db: Database
) -> None:
    user = await api.user_with("10.00")
    async with db.transaction() as opening:
        await open_account(opening, user, Money(0, "EUR"))
        freezing = asyncio.create_task(dispute(db, user))

        async def has_done_what_it_can() -> bool:
            return freezing.done() or await waits_for_a_lock(db)

        await until(has_done_what_it_can)
    await freezing

    async with db.transaction() as tx:
        assert all(account["frozen_at"] for account in await accounts_of(tx, user))


async def test_an_account_cannot_slip_through_a_freeze_that_is_not_committed_yet(
    api: Api, db: Database
) -> None:
    user = await api.user_with("10.00")

    async def open_another() -> None:
        async with db.transaction() as tx:
            await open_account(tx, user, Money(0, "EUR"))

    async with db.transaction() as tx:
        await freeze_account(tx, user, uuid4())
        opening = asyncio.create_task(open_another())

        async def has_done_what_it_can() -> bool:
            return opening.done() or await waits_for_a_lock(db)

        await until(has_done_what_it_can)
    await opening

    async with db.transaction() as tx:
        assert all(account["frozen_at"] for account in await accounts_of(tx, user))


async def test_an_account_that_is_opened_while_the_others_are_let_go_is_not_left_frozen(
    frozen: str, db: Database
) -> None:
    async def let_go() -> None:
        async with db.transaction() as tx:
            await unfreeze_account(tx, frozen, "olga")

    async with db.transaction() as opening:
        await open_account(opening, frozen, Money(0, "EUR"))
        lifting = asyncio.create_task(let_go())

        async def has_done_what_it_can() -> bool:
            return lifting.done() or await waits_for_a_lock(db)

        await until(has_done_what_it_can)
    await lifting

    async with db.transaction() as tx:
        known = await accounts_of(tx, frozen)
    assert [account["frozen_at"] for account in known] == [None, None]


async def waits_for_a_lock(db: Database) -> bool:
    async with db.autocommit() as tx:
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database"
        return bool(await tx.fetch(f"{waiting} WHERE datname = current_database())"))


async def test_a_dispute_that_freezes_nothing_changes_nothing(api: Api, db: Database) -> None:
    user = await api.user_with("10.00")
    await dispute(db, user, freeze=False)
    await dispute(db, f"{user}-without-an-account")

    assert (await api.debit(user, "1.00")).status_code == 201
