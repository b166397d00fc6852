"""Every state through each real door: the user's cancellation, the webhook, the errand that polls."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from services.verification.tests.bench import owner
from verification.adapters.providers.fake import Fails
from verification.domain.machine import State
from verification.domain.orders import OrderState
from verification.handlers import telling
from verification.handlers.cancelling import cancel

if TYPE_CHECKING:
    from services.verification.tests.bench import Api, Bench

# What becomes of a state by each door. The cancellation's answer stands beside it; for webhooks and errands
# the provider shows an SMS, the order's end without one, or nothing new.
TABLE = """
    state            cancelled         webhook:sms      webhook:over     errand:new       errand:sms       errand:over
    holding          404:holding       holding          holding          rejected         rejected         rejected
    rejected         409:rejected      rejected         rejected         rejected         rejected         rejected
    requested        202:requested     requested        requested        awaiting_sms     awaiting_sms     awaiting_sms
    unknown          202:unknown       unknown          unknown          awaiting_sms     awaiting_sms     failed
    awaiting_sms     202:cancelling    completed        timed_out        awaiting_sms     completed        timed_out
    expiring         409:expiring      completed        timed_out        timed_out        completed        timed_out
    cancelling       202:cancelling    completed        cancelled        cancelled        completed        cancelled
    completed        409:completed     completed        completed        completed        completed        completed
    failed           409:failed        failed           failed           failed           failed           failed
    timed_out        409:timed_out     timed_out        timed_out        timed_out        timed_out        timed_out
    cancelled        202:cancelled     cancelled        cancelled        cancelled        cancelled        cancelled
    requires_review  409:requires_review  completed     timed_out        timed_out        completed        timed_out
"""  # noqa: E501  # A table.
HEAD, *ROWS = (line.split() for line in TABLE.strip().splitlines())
CASES = {State(row[0]): dict(zip(HEAD[1:], row[1:], strict=True)) for row in ROWS}


def test_the_table_names_every_state() -> None:
    assert list(CASES) == list(State)


@pytest.mark.parametrize("state", CASES)
async def test_each_door_leads_where_the_table_says_and_nowhere_else(
    bench: Bench, api: Api, state: State
) -> None:
    for door, end in CASES[state].items():
        await through(bench, api, state, door, end)


async def through(bench: Bench, api: Api, state: State, door: str, end: str) -> None:
    id_ = await come_to(bench, state)
    before = await bench.books.published(await bench.user_of(id_))
    how, _, news = door.partition(":")
    bench.provider.failing.clear()
    if how == "cancelled":
        status, _ = await api.call("POST", f"/{id_}/cancel", await bench.user_of(id_))
        assert f"{status}:{await bench.books.state(id_)}" == end, door
    else:
        order_id = await at_the_provider(bench, id_, news)
        await (by_webhook(bench, api, order_id) if how == "webhook" else bench.run(id_))
        assert await bench.books.state(id_) == end, door

    row = await bench.books.row(id_)
    told = (await bench.books.published(row["user_id"]))[len(before) :]
    assert (row["sms_code"] is not None) == (row["state"] == State.COMPLETED)
    if row["state"] == state:
        assert told == (["late_sms"] if news == "sms" and how == "webhook" and state in LATE else [])
    elif row["state"] in SAID:
        assert told[-1:] == [SAID[row["state"]]]


LATE = (State.TIMED_OUT, State.CANCELLED)
SAID = {
    State.AWAITING_SMS: "number_assigned",
    State.COMPLETED: "code_received",
    State.FAILED: "failed",
    State.TIMED_OUT: "timed_out",
    State.CANCELLED: "cancelled",
}


async def at_the_provider(bench: Bench, id_: UUID, news: str) -> str:
    """What the provider shows of the order, if there is one; its id."""
    row = await bench.books.row(id_)
    known = next((o.id for o in bench.provider.orders.values() if o.reference == row["reference"]), None)
    if known is None:
        return f"none-{uuid4()}"
    if news == "sms":
        bench.provider.sms(known, "4242")
    elif news == "over" and bench.provider.orders[known].state is OrderState.PENDING:
        bench.provider.over(known)
    return known


async def by_webhook(bench: Bench, api: Api, order_id: str) -> None:
    event_id = f"evt-{uuid4()}"
    assert await api.tell("fake", f"{event_id} {order_id}".encode(), {"signature": "valid"}) == 204
    hint = await bench.books.ours.fetchval("SELECT id FROM webhook WHERE event_id = $1", event_id)
    await telling.process(bench.trade, hint)


async def come_to(bench: Bench, state: State) -> UUID:
    """A verification that has got there by itself."""
    match state:
        case State.HOLDING:
            id_ = await bench.requested()
            await bench.books.ours.execute("DELETE FROM outbox WHERE user_id = $1", await bench.user_of(id_))
            await bench.books.put(id_, "state = 'holding', hold_id = NULL")
        case State.REJECTED:
            id_ = UUID(str((await bench.request(await bench.books.user_with("0.50")))["id"]))
        case State.REQUESTED:
            id_ = await bench.requested()
        case State.UNKNOWN | State.FAILED:
            bench.provider.failing["buy"] = [Fails.AFTER if state is State.UNKNOWN else Fails.DECLINES]
            id_ = await bench.requested()
            await bench.run(id_)
        case State.AWAITING_SMS:
            id_ = await bench.awaiting()
        case State.COMPLETED:
            id_ = await bench.awaiting()
            bench.provider.sms(await bench.order_id(id_), "4242")
            await bench.run(id_)
        case State.CANCELLING | State.CANCELLED:
            id_ = await bench.awaiting()
            await cancel(bench.trade, id_, owner(await bench.user_of(id_)))
            if state is State.CANCELLED:
                await bench.run(id_)
        case State.EXPIRING | State.TIMED_OUT | State.REQUIRES_REVIEW:
            id_ = await bench.awaiting()
            await bench.books.put(id_, "deadline = now()")
            fruitless = {State.EXPIRING: 1, State.TIMED_OUT: 0}.get(state, len(bench.trade.pace.steps) + 2)
            bench.provider.failing["cancel"] = [Fails.BEFORE] * fruitless
            for _ in range(fruitless or 1):
                await bench.run(id_)
    assert await bench.books.state(id_) == state
    return id_
