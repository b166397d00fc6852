"""Accounts over HTTP: opened, looked at, their statement, their threshold."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from credit.api.bodies import AccountBody, ThresholdBody
from credit.api.till import Db, Owner
from credit.api.views import AccountsView, AccountView, StatementView, TransferView
from credit.domain.errors import UnknownAccount
from credit.handlers import accounts
from shared.http.auth import OPERATOR, Caller, require_role
from shared.http.openapi import refusals
from shared.http.pages import Before, Limit, link_next
from shared.http.problems import not_found
from shared.money import Money

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])
transfers = APIRouter(prefix="/v1/transfers", tags=["accounts"])


@router.post("", status_code=201, responses={200: {"model": AccountView, "description": "As it is."}})
async def open_account(caller: Caller, body: AccountBody, db: Db, response: Response) -> AccountView:
    """Opens the caller's own account. Asked again it answers 200 with the account as it is."""
    threshold = Money.parse(body.low_balance_threshold, body.currency)
    async with db.transaction() as tx:
        account, new = await accounts.open_account(tx, caller.user_id, threshold)
    if not new:
        response.status_code = 200
    return AccountView.of(account)


@router.get("/{user_id}")
async def get_accounts(owner: Owner, db: Db) -> AccountsView:
    try:
        async with db.autocommit() as tx:
            known = await accounts.accounts_of(tx, owner)
    except UnknownAccount:
        raise not_found("account") from None
    return AccountsView(user_id=owner, accounts=[AccountView.of(row) for row in known])


@router.put("/{user_id}/low-balance-threshold")
async def set_low_balance_threshold(owner: Owner, body: ThresholdBody, db: Db) -> AccountView:
    threshold = Money.parse(body.amount, body.currency)
    try:
        async with db.autocommit() as tx:
            account = await accounts.set_low_balance_threshold(tx, owner, threshold)
    except UnknownAccount:
        raise not_found("account") from None
    return AccountView.of(account)


@router.post("/{user_id}/unfreeze", responses=refusals(forbidden=403))
async def unfreeze_account(owner: Owner, caller: Caller, db: Db) -> AccountsView:
    """For operators: the user can spend again after having disputed an activity. May be repeated."""
    require_role(caller, OPERATOR)
    try:
        async with db.transaction() as tx:
            known = await accounts.unfreeze_account(tx, owner, caller.user_id)
    except UnknownAccount:
        raise not_found("account") from None
    return AccountsView(user_id=owner, accounts=[AccountView.of(row) for row in known])


@router.get("/{user_id}/entries")
async def statement(
    owner: Owner,
    db: Db,
    request: Request,
    response: Response,
    before: Before = None,
    limit: Limit = 50,
) -> StatementView:
    """Newest first. ``next`` is the cursor of the page after this one; ``Link`` names that page."""
    async with db.autocommit() as tx:
        page = await accounts.statement(tx, owner, before, limit)
    link_next(request, response, page.next, limit)
    return StatementView.of(list(page.items), page.next)


@transfers.get("/{transfer_id}")
async def get_transfer(transfer_id: UUID, caller: Caller, db: Db) -> TransferView:
    """For a service that asked for a movement and was never told: 404 says that nothing was moved so far."""
    async with db.autocommit() as tx:
        known = await accounts.transfer(tx, transfer_id)
    if known is None or not caller.may_act_for(known["user_id"]):
        raise not_found("transfer")
    return TransferView.of(dict(known))
