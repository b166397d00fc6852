"""Holds: every state meets every event, and the money is set aside exactly as long as it says."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from credit.handlers.holds import expire_holds
from credit.handlers.workers import HoldExpiry
from shared.outbox import Outbox

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from services.credit.tests.conftest import Api, Ledger
    from shared.db import Database

SERVICE = ("service",)


@pytest.fixture
def expiry(db: Database) -> HoldExpiry:
    return HoldExpiry(db, Outbox(db, "amqp://127.0.0.1:1", "credit"))


async def let_expire(db: Database, user: str) -> int:
    """How many holds that released. One transaction, or the service's own worker might be first."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE hold SET expires_at = now() WHERE user_id = $1", user)
        return len([event for event in await expire_holds(tx, 100) if event["user_id"] == user])


async def test_a_hold_sets_aside_and_posting_it_deducts(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00")

    held = await api.hold(user, "4.00", service="WhatsApp", link="/verifications/1")
    assert held.status_code == 201
    assert (held.json()["status"], held.json()["balance_after"], held.json()["held_after"]) == (
        "placed",
        "6.00",
        "4.00",
    )
    assert await ledger.sum_of_entries(user) == 10_00

    posted = await api.end(held.json()["hold_id"], "post", user)
    assert posted.status_code == 201
    view = posted.json()
    assert (view["amount"], view["balance_after"], view["held_after"]) == ("4.00", "6.00", "0.00")
    assert (view["service"], view["link"], view["hold_id"]) == (
        "WhatsApp",
        "/verifications/1",
        held.json()["hold_id"],
    )
    assert await ledger.sum_of_entries(user) == 6_00
    assert await ledger.types(user) == ["credit.added.v1", "credit.held.v1", "credit.deducted.v1"]


async def test_what_is_held_cannot_be_spent(api: Api) -> None:
    user = await api.user_with("10.00")
    await api.hold(user, "8.00")

    answer = await api.debit(user, "3.00")

    assert (answer.status_code, answer.json()["available"]) == (402, "2.00")


async def test_holds_at_once_never_set_aside_more_than_there_is(api: Api) -> None:
    user = await api.user_with("10.00")

    answers = await asyncio.gather(*(api.hold(user, "1.00") for _ in range(30)))

    assert Counter(answer.status_code for answer in answers) == {201: 10, 402: 20}
    balance = await api.balance(user)
    assert (balance["available"], balance["held"], balance["posted"]) == ("0.00", "10.00", "10.00")


STATES = ("placed", "posted", "voided", "expired")
# What an event does to a hold in a state: the answer, and the state after it. Whatever is not listed is
# refused with 409 and changes nothing.
TABLE = {
    ("placed", "post"): (201, "posted"),
    ("placed", "void"): (200, "voided"),
    ("placed", "expire"): (1, "expired"),
    ("posted", "post"): (201, "posted"),
    ("voided", "void"): (200, "voided"),
    ("posted", "expire"): (0, "posted"),
    ("voided", "expire"): (0, "voided"),
    ("expired", "expire"): (0, "expired"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", ["post", "void", "expire"])
async def test_every_state_meets_every_event(
    api: Api, ledger: Ledger, owner: Connection[Record], db: Database, state: str, event: str
) -> None:
    user = await api.user_with("10.00")
    hold_id: str = (await api.hold(user, "4.00")).json()["hold_id"]

    async def happens(what: str) -> int:
        if what != "expire":
            return (await api.end(hold_id, what, user)).status_code
        return await let_expire(db, user)

    if state != "placed":
        await happens({"posted": "post", "voided": "void", "expired": "expire"}[state])
    before = await ledger.types(user), await api.balance(user)

    answer = await happens(event)

    expected, after = TABLE.get((state, event), (409, state))
    assert answer == expected
    assert await owner.fetchval("SELECT status FROM hold WHERE id = $1", hold_id) == after
    if after == state:
        assert (await ledger.types(user), await api.balance(user)) == before
    available = "10.00" if after in ("voided", "expired") else "6.00"
    balance = await api.balance(user)
    assert (balance["available"], balance["held"]) == (available, "4.00" if after == "placed" else "0.00")


async def test_a_conflict_names_the_state(api: Api) -> None:
    user = await api.user_with("10.00")
    hold_id = (await api.hold(user, "4.00")).json()["hold_id"]
    await api.end(hold_id, "void", user)

    answer = await api.end(hold_id, "post", user)

    assert (answer.json()["code"], answer.json()["state"]) == ("state_conflict", "voided")


async def test_posting_twice_answers_with_the_same_transfer(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00")
    hold_id = (await api.hold(user, "4.00")).json()["hold_id"]

    first, second = [await api.end(hold_id, "post", user) for _ in range(2)]

    assert first.content == second.content
    assert (await ledger.types(user)).count("credit.deducted.v1") == 1


async def test_posts_and_voids_at_once_end_a_hold_once(api: Api, ledger: Ledger) -> None:
    user = await api.user_with("10.00")
    hold_id = (await api.hold(user, "4.00")).json()["hold_id"]

    answers = await asyncio.gather(*(api.end(hold_id, ("post", "void")[n % 2], user) for n in range(20)))

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses in ({201: 10, 409: 10}, {200: 10, 409: 10})
    assert len(await ledger.types(user)) == 3
    assert (await api.balance(user))["held"] == "0.00"


async def test_a_hold_past_its_time_cannot_be_posted_even_before_the_worker_comes(
    api: Api, owner: Connection[Record]
) -> None:
    user = await api.user_with("10.00")
    hold_id = (await api.hold(user, "4.00")).json()["hold_id"]
    await owner.execute("UPDATE hold SET expires_at = now() WHERE user_id = $1", user)

    answer = await api.end(hold_id, "post", user)

    assert (answer.status_code, answer.json()["state"]) == (409, "expired")


async def test_an_expired_hold_continues_its_story(api: Api, ledger: Ledger, db: Database) -> None:
    user = await api.user_with("10.00")
    body = {"amount": "1.00", "currency": "USD", "reason": "Number", "expires_in_seconds": 60}
    headers = {"x-correlation-id": "story-8"}
    path = "/v1/accounts/me/holds"
    await api.call("POST", path, user, body, key="k", headers=headers)

    assert await let_expire(db, user) == 1

    _, held, released = await ledger.events(user)
    assert released["type"] == "credit.released.v1"
    assert released["correlation_id"] == "story-8"
    assert released["causation_id"] == str(held["id"])


async def test_several_workers_share_overdue_holds_and_release_each_once(
    api: Api, ledger: Ledger, owner: Connection[Record], expiry: HoldExpiry
) -> None:
    users = [await api.user_with("20.00") for _ in range(5)]
    for user in users:
        await asyncio.gather(*(api.hold(user, "1.00") for _ in range(10)))
    await owner.execute("UPDATE hold SET expires_at = now() WHERE user_id = ANY($1)", users)

    left = "SELECT count(*) FROM hold WHERE status = 'placed' AND user_id = ANY($1)"
    while await owner.fetchval(left, users):
        await asyncio.gather(*(expiry.expire_batch() for _ in range(4)))

    for user in users:
        assert (await ledger.types(user)).count("credit.released.v1") == 10
        assert (await api.balance(user))["available"] == "20.00"


async def test_what_a_service_has_set_aside_the_user_cannot_take_back(api: Api) -> None:
    user = await api.user_with("10.00")
    placed = await api.hold(user, "4.00", caller="verification", roles=SERVICE)
    hold_id = placed.json()["hold_id"]

    refused = [await api.end(hold_id, how, user) for how in ("void", "post")]
    posted = await api.end(hold_id, "post", "verification", roles=SERVICE)

    assert [(a.status_code, a.json()["code"]) for a in refused] == [(403, "forbidden")] * 2
    assert posted.status_code == 201


async def test_another_users_hold_does_not_exist(api: Api) -> None:
    owner, other = await api.user_with("10.00"), await api.user_with("10.00")
    hold_id = (await api.hold(owner, "4.00")).json()["hold_id"]

    theirs = [await api.end(hold_id, how, other) for how in ("post", "void")]
    nobodys = await api.end(str(uuid4()), "post", other)

    for answer in theirs:
        assert answer.status_code == 404
        assert {**answer.json(), "ref": ""} == {**nobodys.json(), "ref": ""}
    assert (await api.balance(owner))["held"] == "4.00"


async def test_one_key_places_one_hold(api: Api, owner: Connection[Record]) -> None:
    user = await api.user_with("10.00")

    answers = await asyncio.gather(*(api.hold(user, "1.00", "k") for _ in range(20)))
    await owner.execute("DELETE FROM idempotency_key WHERE key = 'k' AND scope LIKE $1", f"{user} %")
    after_the_key = await api.hold(user, "1.00", "k")

    placed = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.content for answer in [*placed, after_the_key]} == {placed[0].content}
    assert (await api.balance(user))["held"] == "1.00"
