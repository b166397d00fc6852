"""Every pair of state and happening on the real database; what the table does not list changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from verification.adapters import verifications
from verification.adapters.tables import verification
from verification.domain.machine import TRANSITIONS, Happening, State

if TYPE_CHECKING:
    from services.verification.tests.bench import Bench

# money.md, once more and in its own words: state, happening, new state, what is published.
TABLE = """
    holding         hold_placed      requested        initiated
    holding         hold_refused     rejected         -
    requested       number_charged   awaiting_sms     number_assigned
    requested       declined         failed           failed
    requested       charged_in_vain  timed_out        timed_out
    requested       lost_sight       unknown          -
    requested       given_up         requires_review  -
    unknown         number_charged   awaiting_sms     number_assigned
    unknown         declined         failed           failed
    unknown         absent           failed           failed
    unknown         charged_in_vain  timed_out        timed_out
    unknown         given_up         requires_review  -
    awaiting_sms    sms_received     completed        code_received
    awaiting_sms    deadline_passed  expiring         -
    awaiting_sms    cancel_asked     cancelling       -
    expiring        sms_received     completed        code_received
    expiring        order_over       timed_out        timed_out
    expiring        given_up         requires_review  -
    cancelling      sms_received     completed        code_received
    cancelling      order_over       cancelled        cancelled
    cancelling      given_up         requires_review  -
    requires_review number_charged   awaiting_sms     number_assigned
    requires_review declined         failed           failed
    requires_review absent           failed           failed
    requires_review charged_in_vain  timed_out        timed_out
    requires_review sms_received     completed        code_received
    requires_review deadline_passed  expiring         -
    requires_review cancel_asked     cancelling       -
    requires_review given_up         requires_review  -
    timed_out       sms_received     timed_out        late_sms
    cancelled       sms_received     cancelled        late_sms
"""
LISTED = {
    (State(state), Happening(happening)): (new, None if event == "-" else event)
    for state, happening, new, event in (line.split() for line in TABLE.strip().splitlines())
}


def test_the_table_is_money_mds() -> None:
    assert {
        pair: (
            change.state.value,
            change.publishes and change.publishes.TYPE.removeprefix("verification.").removesuffix(".v1"),
        )
        for pair, change in TRANSITIONS.items()
    } == LISTED


@pytest.mark.parametrize("state", list(State))
async def test_every_happening_changes_what_is_listed_and_nothing_else(bench: Bench, state: State) -> None:
    for happening in Happening:
        id_, user = await row_in(bench, state)
        before = await bench.books.row(id_)
        async with bench.trade.outbox.transaction() as tx:
            row = await verifications.lock(tx, id_)
            changed = await bench.trade.apply(tx, row, happening, **changes(state, happening))

        expected = LISTED.get((state, happening))
        after = await bench.books.row(id_)
        published = await bench.books.published(user)
        if expected is None:
            assert (changed, dict(after), published) == (None, dict(before), [])
        else:
            new_state, event = expected
            assert (after["state"], published) == (new_state, [event] if event else [])


def changes(state: State, happening: Happening) -> dict[str, object]:
    """What comes with a happening."""
    match happening:
        case Happening.HOLD_PLACED:
            return {"hold_id": uuid4()}
        case Happening.HOLD_REFUSED:
            return {"reason": "insufficient_credits", "rejection": {"status": 402}}
        case Happening.NUMBER_CHARGED | Happening.CHARGED_IN_VAIN:
            return {"transfer_id": uuid4()}
        case Happening.DECLINED | Happening.ABSENT:
            return {"reason": "no numbers"}
        case Happening.SMS_RECEIVED if state not in (State.TIMED_OUT, State.CANCELLED):
            return {"sms_code": "1234"}
        case _:
            return {}


async def row_in(bench: Bench, state: State) -> tuple[UUID, str]:
    id_, user = uuid4(), f"user-{uuid4()}"
    held = state not in (State.HOLDING, State.REJECTED)
    charged = held and state not in (State.REQUESTED, State.UNKNOWN, State.FAILED)
    values = {
        "id": id_,
        "user_id": user,
        "service": "whatsapp",
        "service_name": "WhatsApp",
        "country": "any",
        "currency": "USD",
        "price_minor": 100,
        "reference": f"VER-{id_.hex}",
        "provider": "fake",
        "product": "whatsapp",
        "state": state,
        "fingerprint": "f",
        "hold_id": uuid4() if held else None,
        "transfer_id": uuid4() if charged else None,
        "order_id": id_.hex if held else None,
        "phone_number": "+15550000001" if held else None,
        "sms_code": "1234" if state is State.COMPLETED else None,
        "reason": "why" if state in (State.FAILED, State.REJECTED) else None,
        "rejection": {"status": 402} if state is State.REJECTED else sa.null(),
    }
    async with bench.trade.db.transaction() as tx:
        await tx.run(sa.insert(verification).values(values))
    return id_, user
