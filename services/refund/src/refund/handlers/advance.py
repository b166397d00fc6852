"""The state machine applied to a locked refund: its row, its reservation and its events change as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from uuid_utils.compat import uuid7

from refund.adapters import refundables, refunds
from refund.domain import events
from refund.domain.machine import RELEASED, TRANSITIONS, Happening, State, Transition
from refund.domain.pace import Pace
from refund.domain.refund import Booked, Case, Failure, Refund, reversal_of, transfer_of
from shared.events import Event
from shared.events.refund import RefundCompleted, RefundFailed, RefundProcessing
from shared.outbox import OutboxTransaction, keep

REFUNDS = Counter("refunds_total", "Refunds by the state they have come to.", ["kind", "auto", "state"])


async def advance(
    tx: OutboxTransaction,
    pace: Pace,
    case: Case,
    happening: Happening,
    *,
    failure: Failure | None = None,
    booked: Booked | None = None,
    **facts: Any,
) -> Refund:
    """The refund afterwards. What the table does not list changes nothing and publishes nothing."""
    before = case.refund
    transition = TRANSITIONS.get((before.state, happening))
    if transition is None:
        return before
    if failure is not None:
        facts |= {"failure_code": failure.code, "failure_reason": failure.reason}
    if booked is not None:
        facts["transfer_id"] = booked.transfer_id
    # In the order of publication: they sort by their time.
    event_ids = {event: uuid7() for event in transition.publishes}
    facts |= _ids(before, transition, event_ids)
    if "due_in" not in facts:
        facts["due_in"] = _due_in(pace, before, happening, transition)
    after = await refunds.change(tx, before.id, transition.state, **facts)
    if transition.state in RELEASED:
        await refundables.release(tx, before.refundable_id, before.amount_minor)
    for event in transition.publishes:
        await tx.publish(after.user_id, _said(event, after, case, booked), event_id=event_ids[event])
    await _keep(tx, after, transition, event_ids)
    REFUNDS.labels(after.kind, str(after.auto).lower(), after.state).inc()
    return after


async def _keep(
    tx: OutboxTransaction, after: Refund, transition: Transition, event_ids: Mapping[type[Event], UUID]
) -> None:
    """What shows the user that credits have come back, by the transfer that brought them."""
    if RefundCompleted in event_ids and after.kind == "credit" and after.transfer_id is not None:
        await keep(tx, event_ids[RefundCompleted], after.transfer_id)
    if transition.reverses and after.compensation_transfer_id is not None:
        await keep(tx, event_ids[RefundFailed], after.compensation_transfer_id)


def _ids(refund: Refund, transition: Transition, event_ids: Mapping[type[Event], UUID]) -> dict[str, Any]:
    """What later repetitions need."""
    ids: dict[str, Any] = {}
    if RefundProcessing in event_ids:
        ids["processing_event_id"] = event_ids[RefundProcessing]
        if refund.kind == "credit":
            ids["transfer_id"] = transfer_of(refund.id)
    if transition.reverses:
        ids["compensation_transfer_id"] = reversal_of(refund.id)
    if RefundFailed in event_ids:
        ids["failed_event_id"] = event_ids[RefundFailed]
    return ids


def _due_in(pace: Pace, refund: Refund, happening: Happening, transition: Transition) -> float | None:
    """Where nothing more is expected of us or of others there is nothing to look at."""
    match transition.state:
        case State.INITIATED:
            return pace.grace
        case State.PROCESSING:
            return pace.step(0)
        case State.POSTING | State.VOIDING:
            return 0
        case State.CANCELLED if refund.kind == "money":
            return 0  # Its hold is to be voided.
        case State.REJECTED if happening is Happening.ABANDONED:
            return 0  # As above.
        case State.FAILED if transition.reverses:
            return pace.step(0)
    return None


def _said(kind: type[Event], refund: Refund, case: Case, booked: Booked | None) -> Event:
    if kind is RefundCompleted:
        assert booked is not None
        return events.completed(refund, case.refundable, booked)
    return events.OF_ROW[kind](refund)
