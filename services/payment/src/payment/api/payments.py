"""Payments over HTTP: begun, looked at, given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from payment.adapters import payments
from payment.adapters.payments import of_row
from payment.api.views import PaymentsView, PaymentView
from payment.domain.errors import AmountOutOfRange, KeyReused, NoAccount, StateConflict, TooManyOpen
from payment.domain.names import PAYMENTS
from payment.domain.payment import Intent, Payment
from payment.handlers import paying
from payment.handlers.checkouts import Checkouts
from payment.handlers.creditable import expect_account
from shared.db import Database
from shared.http.auth import Caller, Identity
from shared.http.bodies import MoneyBody, Name
from shared.http.credit import Credit
from shared.http.idempotency import Key, reused
from shared.http.openapi import refusals
from shared.http.pages import Before, Limit, link_next
from shared.http.problems import Problem, not_found


class PaymentBody(MoneyBody):
    """``provider`` is one of those that are configured; the first of them where none is named."""

    provider: Name | None = None


def payment_routes(db: Database, checkouts: Checkouts, credit: Credit, providers: Sequence[str]) -> APIRouter:
    router = APIRouter(prefix="/v1/payments", tags=["payments"])

    async def find(payment_id: UUID) -> Payment | None:
        async with db.autocommit() as tx:
            return await payments.get(tx, payment_id)

    async def owned(payment_id: UUID, caller: Identity) -> Payment:
        known = await find(payment_id)
        if known is None or not caller.may_act_for(known.user_id):
            raise not_found("payment")
        return known

    @router.post(
        "",
        status_code=201,
        responses=refusals(
            unknown_provider=422, amount_out_of_range=422, no_account=422, too_many_open_payments=429
        ),
    )
    async def initialize_payment(caller: Caller, body: PaymentBody, key: Key) -> PaymentView:
        """Where to pay. State ``unknown``: the provider has not answered; look again until it is another."""
        provider = body.provider or providers[0]
        if provider not in providers:
            offered = ", ".join(providers)
            raise Problem(422, "unknown_provider", f"The provider is one of: {offered}.")
        id_ = key.resource_id(PAYMENTS)
        intent = Intent(id_, key.fingerprint, caller.user_id, body.money(), provider)
        try:
            if await find(id_) is None:
                await expect_account(credit, intent)
            return PaymentView.of(await checkouts.open(intent))
        except (KeyReused, AmountOutOfRange, NoAccount, TooManyOpen) as refusal:
            raise _problem(refusal) from None

    @router.get("", responses=refusals(not_found=404))
    async def list_payments(
        caller: Caller,
        request: Request,
        response: Response,
        before: Before = None,
        limit: Limit = 50,
        user_id: Annotated[str | None, Query(max_length=200)] = None,
    ) -> PaymentsView:
        """One's own, newest first; ``user_id`` is for operators."""
        owner = user_id or caller.user_id
        if not caller.may_act_for(owner) or not owner.isprintable():
            raise not_found("user")
        async with db.autocommit() as tx:
            page = await paying.history(tx, owner, before, limit)
        link_next(request, response, page.next, limit)
        return PaymentsView(items=[PaymentView.of(of_row(row)) for row in page.items], next=page.next)

    @router.get("/{payment_id}")
    async def get_payment(payment_id: UUID, caller: Caller) -> PaymentView:
        return PaymentView.of(await owned(payment_id, caller))

    @router.post("/{payment_id}/cancel", responses=refusals(state_conflict=409))
    async def cancel_payment(payment_id: UUID, caller: Caller) -> PaymentView:
        """Give an unpaid checkout up. Paid nevertheless, the payment succeeds: money is never dropped."""
        try:
            return PaymentView.of(await checkouts.give_up(await owned(payment_id, caller)))
        except StateConflict as conflict:
            detail = "The payment has ended; only one that waits to be paid can be given up."
            raise Problem(409, "state_conflict", detail, state=conflict.state) from None

    return router


def _problem(refusal: KeyReused | AmountOutOfRange | NoAccount | TooManyOpen) -> Problem:
    match refusal:
        case KeyReused():
            return reused()
        case AmountOutOfRange():
            least, most = str(refusal.least), str(refusal.most)
            return Problem(422, "amount_out_of_range", str(refusal), least=least, most=most)
        case NoAccount():
            return Problem(422, "no_account", str(refusal))
        case TooManyOpen():
            detail = "Pay or cancel one of the open payments first."
            return Problem(429, "too_many_open_payments", detail, headers={"Retry-After": "60"})
