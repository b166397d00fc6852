"""Refunds over HTTP: asked for, decided upon, looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from refund.api.bodies import RefundBody
from refund.api.views import RefundsView, RefundView, ShownState
from refund.domain.errors import (
    CreditBusy,
    KeyReused,
    OperatorsOnly,
    StateConflict,
    UnknownRefund,
    UnknownRefundable,
    VerificationOpen,
)
from refund.domain.machine import State
from refund.domain.pace import Pace
from refund.domain.refund import EXCEEDS, REFUNDS, InitiateRefund, Refund
from refund.handlers import holds
from refund.handlers.decide import cancel_refund, process_refund
from refund.handlers.history import many_refunds, one_refund
from refund.handlers.initiate import initiate_refund
from shared.http.auth import OPERATOR, SERVICE, Caller, require_role
from shared.http.credit import Credit
from shared.http.idempotency import Key, reused
from shared.http.openapi import refusals
from shared.http.pages import Before, Limit, link_next
from shared.http.problems import Problem, busy, not_found
from shared.money import Money
from shared.outbox import Outbox

UserId = Annotated[str | None, Query(max_length=200)]

_DETAILS = {
    "refund_exceeds_payment": "More than what remains refundable.",
    "credits_already_spent": "The credits this payment bought are no longer on the balance.",
    "abandoned": "The request was not completed; ask again with a new Idempotency-Key.",
}
# And what credit may have against setting credits aside; it has words of its own for that.
_REJECTIONS = (*_DETAILS, "account_closed", "account_frozen", "currency_mismatch")


def refunds(outbox: Outbox, credit: Credit, pace: Pace, nudge: Callable[[], None]) -> APIRouter:
    router = APIRouter(prefix="/v1/refunds", tags=["refunds"])

    @router.post(
        "",
        status_code=201,
        name="initiate_refund",
        responses={
            200: {"model": RefundView, "description": "The verification's refund, as it is."},
            **refusals(forbidden=403, not_found=404, state_conflict=409, **dict.fromkeys(_REJECTIONS, 422)),
        },
    )
    async def initiate(caller: Caller, body: RefundBody, key: Key, response: Response) -> RefundView:
        """Answers 200 with the refund that is there already where a verification has one.

        A verification whose code may still come is refunded by operators only: `state_conflict`.
        """
        refund, own = await _initiate(body.to_command(key.resource_id(REFUNDS), key, caller))
        if refund.state is State.REJECTED:
            raise _rejection(refund)
        if not own:
            response.status_code = 200
        return RefundView.of(refund)

    async def _initiate(command: InitiateRefund) -> tuple[Refund, bool]:
        try:
            async with outbox.transaction() as tx:
                refund, own = await initiate_refund(tx, pace, command)
            if refund.state is State.HOLDING:
                refund = await holds.secure(outbox, credit, pace, refund.id)
        except UnknownRefundable:
            raise not_found(command.refundable_kind) from None
        except VerificationOpen:
            raise _still_open() from None
        except OperatorsOnly:
            raise Problem(403, "forbidden", "A payment is credited back by operators only.") from None
        except KeyReused:
            raise reused() from None
        except CreditBusy:
            raise busy() from None
        nudge()
        return refund, own

    @router.post(
        "/{refund_id}/process",
        name="process_refund",
        responses=refusals(forbidden=403, state_conflict=409),
    )
    async def process(refund_id: UUID, caller: Caller) -> RefundView:
        """For operators and services. A refund that is under way or completed is answered as it is."""
        require_role(caller, OPERATOR, SERVICE)
        try:
            async with outbox.transaction() as tx:
                refund = await process_refund(tx, pace, refund_id)
        except (UnknownRefund, StateConflict) as refusal:
            raise _problem(refusal) from None
        return RefundView.of(refund)

    @router.post("/{refund_id}/cancel", name="cancel_refund", responses=refusals(state_conflict=409))
    async def cancel(refund_id: UUID, caller: Caller) -> RefundView:
        """Possible until it is processed."""
        try:
            async with outbox.transaction() as tx:
                refund = await cancel_refund(
                    tx, pace, refund_id, caller=caller.user_id, acts_for_all=caller.acts_for_all
                )
        except (UnknownRefund, StateConflict) as refusal:
            raise _problem(refusal) from None
        nudge()
        return RefundView.of(refund)

    @router.get("/{refund_id}")
    async def get_refund(refund_id: UUID, caller: Caller) -> RefundView:
        try:
            async with outbox.transaction() as tx:
                refund = await one_refund(
                    tx, refund_id, caller=caller.user_id, acts_for_all=caller.acts_for_all
                )
        except UnknownRefund as refusal:
            raise _problem(refusal) from None
        return RefundView.of(refund)

    @router.get("", responses=refusals(not_found=404))
    async def list_refunds(
        caller: Caller,
        request: Request,
        response: Response,
        user_id: UserId = None,
        state: ShownState | None = None,
        stuck: bool = False,
        before: Before = None,
        limit: Limit = 50,
    ) -> RefundsView:
        """Newest first: one's own; for operators and services everybody's, or one user's.

        `stuck`: only those that did not end by themselves, and that a person has to see to.
        """
        if user_id is None:
            user_id = None if caller.acts_for_all else caller.user_id
        elif not caller.may_act_for(user_id):
            raise not_found("user")
        async with outbox.transaction() as tx:
            page, following = await many_refunds(
                tx,
                user_id=user_id,
                state=state,
                stuck_after=pace.last if stuck else None,
                hidden=caller.acts_for_all,
                before=before,
                limit=limit,
            )
        link_next(request, response, following, limit)
        return RefundsView.of(page, following)

    return router


def _rejection(refund: Refund) -> Problem:
    """The same for every repetition: what was decided is in the row."""
    code = refund.failure_code or ""
    detail = _DETAILS.get(code) or refund.failure_reason or code
    problem = Problem(422, code, detail, refund_id=str(refund.id), reference=refund.reference)
    if code == EXCEEDS and refund.remaining_minor is not None:
        remaining = Money(refund.remaining_minor, refund.currency)
        problem.fields |= {"remaining": remaining.amount, "currency": refund.currency}
    return problem


def _still_open() -> Problem:
    detail = "The verification is not over: its code may still come. Cancel it to have the credits back."
    return Problem(409, "state_conflict", detail, state="open")


def _problem(refusal: UnknownRefund | StateConflict) -> Problem:
    if isinstance(refusal, StateConflict):
        state = refusal.refund.shown_state
        return Problem(409, "state_conflict", f"The refund is {state}.", state=state)
    return not_found("refund")
