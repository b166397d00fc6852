"""Adding and deducting credits over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from credit.api.bodies import CreditBody, DebitBody
from credit.api.till import MoneyTill, Owner, TheIntent
from credit.api.views import TransferView
from credit.domain.commands import AddCredits, DeductCredits
from credit.handlers import movements
from shared.http.auth import OPERATOR, Caller, require_role
from shared.http.openapi import refusals

router = APIRouter(prefix="/v1/accounts/{user_id}", tags=["movements"])


@router.post(
    "/credits",
    status_code=201,
    response_model=TransferView,
    responses=refusals(
        forbidden=403, account_closed=409, transfer_conflict=409, currency_mismatch=422, balance_limit=422
    ),
)
async def add_credits(
    owner: Owner, caller: Caller, body: CreditBody, intent: TheIntent, till: MoneyTill
) -> Response:
    require_role(caller, OPERATOR)
    command = AddCredits(
        intent,
        owner,
        body.money(),
        source=body.source,
        reason=body.reason,
        reference=body.reference,
        transfer_id=body.transfer_id,
    )
    return await till.move(movements.add_credits, command, TransferView.of)


@router.post(
    "/debits",
    status_code=201,
    response_model=TransferView,
    responses=refusals(
        insufficient_credits=402,
        account_closed=409,
        account_frozen=409,
        transfer_conflict=409,
        currency_mismatch=422,
    ),
)
async def deduct_credits(owner: Owner, body: DebitBody, intent: TheIntent, till: MoneyTill) -> Response:
    command = DeductCredits(
        intent,
        owner,
        body.money(),
        reason=body.reason,
        service=body.service,
        reference=body.reference,
        link=body.link,
    )
    return await till.deduct(command, TransferView.of)
