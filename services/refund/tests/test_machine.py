"""Every pair of state and happening on the real database: listed ones happen, the others change nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from refund.adapters import refunds
from refund.domain.machine import RELEASED, TRANSITIONS, Happening, State
from refund.domain.refund import Booked, Failure
from refund.handlers.advance import advance
from services.refund.tests.bench import Bench

S, H = State, Happening

# State and happening → the state that is stored, what is published, what is still reserved (of 5.00).
LISTED: dict[tuple[State, Happening], tuple[str, list[str], int]] = {
    (S.HOLDING, H.HOLD_PLACED): ("initiated", ["refund.initiated"], 5_00),
    (S.HOLDING, H.HOLD_REFUSED): ("rejected", [], 0),
    (S.HOLDING, H.ABANDONED): ("rejected", [], 0),
    (S.INITIATED, H.CLAIMED): ("processing", ["refund.processing"], 5_00),
    (S.INITIATED, H.CANCEL_ASKED): ("cancelled", ["refund.cancelled"], 0),
    (S.PROCESSING, H.CREDITED): ("completed", ["refund.completed"], 5_00),
    (S.PROCESSING, H.CREDIT_REJECTED): ("failed", ["refund.failed"], 0),
    (S.PROCESSING, H.MONEY_RETURNED): ("processing", [], 5_00),
    (S.PROCESSING, H.MONEY_REFUSED): ("processing", [], 5_00),
    (S.POSTING, H.HOLD_POSTED): ("completed", ["refund.completed"], 5_00),
    (S.POSTING, H.MONEY_REFUSED): ("processing", [], 5_00),
    (S.VOIDING, H.HOLD_VOIDED): ("failed", ["refund.failed"], 0),
    (S.VOIDING, H.HOLD_POSTED): ("failed", ["refund.completed", "refund.failed"], 0),
    (S.COMPLETED, H.MONEY_REFUSED): ("failed", ["refund.failed"], 0),
}
BORN = {H.ASKED: S.INITIATED, H.ASKED_TO_CARD: S.HOLDING, H.ASKED_TOO_MUCH: S.REJECTED}
REVERSED = {(S.VOIDING, H.HOLD_POSTED), (S.COMPLETED, H.MONEY_REFUSED)}
FAILURES = {H.HOLD_REFUSED, H.ABANDONED, H.CREDIT_REJECTED, H.MONEY_REFUSED}
OUTCOMES = {S.POSTING: "refunded", S.VOIDING: "refused"}
ROWS = [state for state in State if state is not State.NEW]


async def a_row(bench: Bench, user: str, state: State) -> UUID:
    """A refund of 5.00 to the card, put into this state."""
    payment = await bench.paid(user, 10_00)
    id_ = uuid4()
    reserved = 0 if state in RELEASED else 5_00
    async with bench.outbox.transaction() as tx:
        await tx.execute("UPDATE refundable SET reserved_minor = $2 WHERE id = $1", payment, reserved)
        await tx.execute(
            """
            INSERT INTO refund (id, refundable_id, user_id, kind, auto, payment_id, currency, amount_minor,
                reference, reason, state, provider_outcome, failure_code, hold_id, transfer_id, initiated_by,
                fingerprint)
            VALUES ($1, $2, $3, 'money', false, $2, 'USD', 500, $4, 'r', $5, $6, $7, $8, $8, $3, 'f')
            """,
            id_,
            payment,
            user,
            f"REF-{id_.hex}",
            "processing" if state in OUTCOMES else state.value,
            OUTCOMES.get(state),
            "some" if state in {S.REJECTED, S.FAILED, S.VOIDING} else None,
            None if state in {S.HOLDING, S.REJECTED} else uuid4(),
        )
    return id_


def facts(happening: Happening) -> dict[str, Any]:
    if happening in FAILURES:
        return {"failure": Failure("some", "words")}
    if happening in {H.CREDITED, H.HOLD_POSTED}:
        return {"booked": Booked(uuid4(), 7_00, 0, 3)}
    if happening is H.HOLD_PLACED:
        hold = uuid4()
        return {"hold_id": hold, "transfer_id": hold}
    return {}


async def after(bench: Bench, id_: UUID, happening: Happening) -> None:
    async with bench.outbox.transaction() as tx:
        case = await refunds.locked(tx, id_)
        await advance(tx, bench.pace, case, happening, **facts(happening))


def test_the_table_lists_what_this_one_lists() -> None:
    assert set(TRANSITIONS) == set(LISTED) | {(S.NEW, happening) for happening in BORN}
    assert {happening: TRANSITIONS[S.NEW, happening].state for happening in BORN} == BORN


@pytest.mark.parametrize("state", ROWS)
async def test_each_happening_does_to_a_state_what_is_listed_or_nothing(bench: Bench, state: State) -> None:
    for happening in Happening:
        user = f"user-{uuid4()}"
        id_ = await a_row(bench, user, state)
        before = await bench.row(id_)

        await after(bench, id_, happening)

        row = await bench.row(id_)
        said = await bench.events(user)
        reserved = await bench.reserved(before["refundable_id"])
        if (state, happening) in LISTED:
            found = (row["state"], [event["type"] for event in said], reserved)
            assert found == LISTED[state, happening], (state, happening)
            reversed_ = [event["reversed"] for event in said if event["type"] == "refund.failed"]
            assert all(reversed_) is ((state, happening) in REVERSED) or not reversed_
        else:
            assert {**row, "due_in": None} == {**before, "due_in": None}, (state, happening)
            assert said == []
            assert reserved == (0 if state in RELEASED else 5_00)


@pytest.mark.parametrize("happening", [H.MONEY_RETURNED, H.MONEY_REFUSED])
async def test_what_the_provider_said_is_kept_and_due_at_once(bench: Bench, happening: Happening) -> None:
    id_ = await a_row(bench, f"user-{uuid4()}", S.PROCESSING)

    await after(bench, id_, happening)

    row = await bench.row(id_)
    assert row["provider_outcome"] == ("refunded" if happening is H.MONEY_RETURNED else "refused")
    assert row["due_in"].total_seconds() <= 0
