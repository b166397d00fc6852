"""Holds over HTTP: placed on an account, then posted or voided by their id."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from credit.api.bodies import HoldBody
from credit.api.till import MoneyTill, Owner, TheIntent
from credit.api.views import HoldView, TransferView
from credit.domain.commands import PlaceHold, PostHold, VoidHold
from credit.handlers import holds
from shared.http.auth import Caller
from shared.http.openapi import refusals

router = APIRouter(prefix="/v1", tags=["holds"])


@router.post(
    "/accounts/{user_id}/holds",
    status_code=201,
    response_model=HoldView,
    responses=refusals(
        insufficient_credits=402,
        account_closed=409,
        account_frozen=409,
        transfer_conflict=409,
        currency_mismatch=422,
    ),
)
async def place_hold(
    owner: Owner, caller: Caller, body: HoldBody, intent: TheIntent, till: MoneyTill
) -> Response:
    command = PlaceHold(
        intent,
        owner,
        body.money(),
        reason=body.reason,
        expires_in_seconds=body.expires_in_seconds,
        placed_by=caller.user_id,
        service=body.service,
        reference=body.reference,
        link=body.link,
    )
    return await till.move(holds.place_hold, command, HoldView.of)


@router.post(
    "/holds/{hold_id}/post",
    status_code=201,
    response_model=TransferView,
    responses=refusals(forbidden=403, state_conflict=409),
)
async def post_hold(hold_id: UUID, caller: Caller, intent: TheIntent, till: MoneyTill) -> Response:
    command = PostHold(intent, hold_id, caller.user_id, any_user=caller.acts_for_all)
    return await till.move(holds.post_hold, command, TransferView.of)


@router.post(
    "/holds/{hold_id}/void",
    response_model=HoldView,
    responses=refusals(forbidden=403, state_conflict=409),
)
async def void_hold(hold_id: UUID, caller: Caller, intent: TheIntent, till: MoneyTill) -> Response:
    command = VoidHold(intent, hold_id, caller.user_id, any_user=caller.acts_for_all)
    return await till.move(holds.void_hold, command, HoldView.of)
